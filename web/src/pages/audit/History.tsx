import { Badge, Group, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type AuditQuery, auditQuery } from "../../api/audit";
import { Difference } from "../../ui/Difference";
import { Section } from "../../ui/Page";
import { Failure } from "../../ui/states";
import { Moment } from "../../ui/time";
import classes from "./History.module.css";
import { eventName } from "./words";

/** What happened to one thing, newest first. */
export function History({ query }: { query: AuditQuery }) {
  const { data, error, refetch } = useQuery(auditQuery({ ...query, pageSize: 20 }));
  return (
    <Section title="History">
      {error && <Failure error={error} retry={() => refetch()} />}
      {!data && !error && <Skeleton height="8rem" />}
      {data?.totalCount === 0 && <Text c="dimmed">Nothing yet.</Text>}
      {data && data.totalCount > 0 && (
        <ol className={classes.history}>
          {data.entries.map((entry) => (
            <li key={`${entry.chain} ${entry.sequence}`}>
              <Group gap="xs">
                <Badge variant="light" color="gray" tt="none" radius="sm">
                  {eventName(entry)}
                </Badge>
                <Text size="sm">
                  <Moment at={entry.at} /> by {entry.actor.name || entry.actor.type.toLowerCase()}
                  {entry.address && ` from ${entry.address}`}
                </Text>
              </Group>
              {!["CREATED", "DELETED"].includes(entry.action) && (
                <Difference before={entry.before} after={entry.after} />
              )}
            </li>
          ))}
        </ol>
      )}
      {data && data.totalCount > data.entries.length && (
        <Text size="sm" c="dimmed">
          The newest {data.entries.length} of {data.totalCount.toLocaleString()}.
        </Text>
      )}
    </Section>
  );
}
