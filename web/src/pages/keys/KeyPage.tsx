import { Alert, Button, Group, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { type ApiKey, keyQuery, keyUsageQuery, offspringQuery, patchKey, refreshKeys } from "../../api/keys";
import { type Here, useHere } from "../../frame/place";
import { useAction } from "../../ui/action";
import { DataTable } from "../../ui/DataTable";
import { ClockIcon, EditIcon, PowerIcon, RotateIcon, TrashIcon } from "../../ui/icons";
import { TextLink } from "../../ui/links";
import { Page, Section } from "../../ui/Page";
import { Rights } from "../../ui/Rights";
import { Failure } from "../../ui/states";
import { TimeBars } from "../../ui/TimeBars";
import { Moment } from "../../ui/time";
import { say } from "../../ui/toast";
import { History } from "../audit/History";
import { DeleteDialog } from "./DeleteDialog";
import { EditDialog } from "./EditDialog";
import classes from "./KeysPage.module.css";
import { RotateDialog } from "./RotateDialog";
import { SPANS } from "./search";
import { Expiry, KeyLink, LastUsed, RoleBadge, StatusBadge } from "./show";

const route = getRouteApi("/orgs/$org/projects/$project/settings/api-keys/$id");

export function KeyPage() {
  const here = useHere();
  const { id } = route.useParams();
  const { data: apiKey, error, refetch } = useQuery(keyQuery(here.place, id));
  const above = (
    <TextLink to="/orgs/$org/projects/$project/settings/api-keys" params={here.params} size="sm">
      API keys
    </TextLink>
  );
  if (error) {
    return (
      <Page title="API key" above={above}>
        <Failure error={error} retry={() => refetch()} />
      </Page>
    );
  }
  if (!apiKey) {
    return (
      <Page title="API key" above={above}>
        <Skeleton height="13rem" />
        <Skeleton height="16rem" />
      </Page>
    );
  }
  return (
    <Page
      title={apiKey.name}
      above={above}
      description={apiKey.description || undefined}
      actions={here.may("api_keys:write") && <Actions here={here} apiKey={apiKey} />}
    >
      {apiKey.previousValidUntil && (
        <Alert color="yellow" icon={<ClockIcon />} title="Two secrets open this key">
          The old one works until it runs out <Moment at={apiKey.previousValidUntil} />.
        </Alert>
      )}
      <Facts apiKey={apiKey} />
      <Usage here={here} id={id} />
      <div className={classes.columns}>
        <Section title="Permissions" description="Fixed when it was made; they can be taken away, not added.">
          <Rights held={apiKey.scopes} />
        </Section>
        <Stack>
          {here.may("audit:read") && <History query={{ subjectId: id, ...here.place }} />}
          {apiKey.scopes.includes("api_keys:write") && <Offspring here={here} id={id} />}
        </Stack>
      </div>
    </Page>
  );
}

function Actions({ here, apiKey }: { here: Here; apiKey: ApiKey }) {
  const navigate = route.useNavigate();
  const [dialog, setDialog] = useState<"edit" | "rotate" | "delete">();
  const { run, busy, error } = useAction();
  const close = () => setDialog(undefined);
  const enabled = apiKey.status !== "DISABLED";
  const toggle = () =>
    run(async () => {
      await patchKey(here.place, apiKey.id, { enabled: !enabled });
      say(
        enabled
          ? `${apiKey.name} is disabled. It opens nothing until it is enabled.`
          : `${apiKey.name} is enabled.`,
      );
      await refreshKeys(here.place);
    });
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <Button variant="default" leftSection={<EditIcon size={16} />} onClick={() => setDialog("edit")}>
          Edit
        </Button>
        <Button variant="default" leftSection={<RotateIcon size={16} />} onClick={() => setDialog("rotate")}>
          Rotate
        </Button>
        <Button variant="default" leftSection={<PowerIcon size={16} />} loading={busy} onClick={toggle}>
          {enabled ? "Disable" : "Enable"}
        </Button>
        <Button color="red" leftSection={<TrashIcon size={16} />} onClick={() => setDialog("delete")}>
          Delete
        </Button>
      </Group>
      {error !== undefined && <Failure error={error} />}
      {dialog === "edit" && <EditDialog apiKey={apiKey} onClose={close} />}
      {dialog === "rotate" && <RotateDialog apiKey={apiKey} onClose={close} />}
      {dialog === "delete" && (
        <DeleteDialog
          apiKey={apiKey}
          onClose={close}
          onDeleted={() =>
            navigate({
              to: "/orgs/$org/projects/$project/settings/api-keys",
              params: here.params,
              replace: true,
            })
          }
        />
      )}
    </Stack>
  );
}

function Facts({ apiKey }: { apiKey: ApiKey }) {
  const { createdBy } = apiKey;
  const by =
    createdBy.type === "API_KEY"
      ? `the key ${createdBy.name}`
      : createdBy.type === "SYSTEM"
        ? "the command line"
        : createdBy.name;
  const facts: [string, ReactNode][] = [
    ["Status", <StatusBadge key="status" apiKey={apiKey} />],
    ["Role", <RoleBadge key="role" role={apiKey.role} />],
    ["Begins with", <code key="prefix">{apiKey.prefix}</code>],
    ["Expires", <Expiry key="expiry" at={apiKey.expiresAt} />],
    ["Last used", <LastUsed key="used" apiKey={apiKey} />],
    ["Last used by", apiKey.lastUsedUserAgent ?? "–"],
    ["Requests", apiKey.requestCount.toLocaleString()],
    [
      "Created",
      <span key="created">
        <Moment at={apiKey.createdAt} /> by {by}
      </span>,
    ],
    [
      "Secret",
      apiKey.rotatedAt ? (
        <span key="rotated">
          rotated <Moment at={apiKey.rotatedAt} />
        </span>
      ) : (
        "the first one"
      ),
    ],
    ["Networks", apiKey.allowedCidrs?.join(", ") ?? "from anywhere"],
    [
      "Rate",
      apiKey.rateLimitPerMinute ? `${apiKey.rateLimitPerMinute.toLocaleString()} a minute` : "no limit",
    ],
  ];
  return (
    <Section title="At a glance">
      <dl className={classes.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function Usage({ here, id }: { here: Here; id: string }) {
  const { days = 7 } = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch } = useQuery(keyUsageQuery(here.place, id, days));
  const bars = data?.buckets.map((bucket) => ({ start: bucket.start, value: bucket.requests })) ?? [];
  return (
    <Section
      title="Requests"
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Over how long"
          value={String(days)}
          data={SPANS.map((span) => ({
            value: String(span),
            label: span === 1 ? "24 hours" : `${span} days`,
          }))}
          onChange={(value) => navigate({ search: { days: Number(value) }, replace: true })}
        />
      }
    >
      {error ? (
        <Failure error={error} retry={() => refetch()} />
      ) : !data ? (
        <Skeleton height="13.5rem" />
      ) : bars.every((bar) => bar.value === 0) ? (
        <Text c="dimmed">No requests in this time.</Text>
      ) : (
        <TimeBars bars={bars} unit="requests" interval={data.interval === "DAY" ? "DAY" : "HOUR"} />
      )}
    </Section>
  );
}

function Offspring({ here, id }: { here: Here; id: string }) {
  const { data, error, refetch } = useQuery(offspringQuery(here.place, id));
  return (
    <Section title="Keys that it made" description="They end with it, and can never do more than it.">
      {error ? (
        <Failure error={error} retry={() => refetch()} />
      ) : data?.totalCount === 0 ? (
        <Text c="dimmed">None.</Text>
      ) : (
        <DataTable
          caption="Keys that it made"
          columns={[
            { id: "name", header: "Name", cell: (child: ApiKey) => <KeyLink apiKey={child} /> },
            { id: "status", header: "Status", cell: (child) => <StatusBadge apiKey={child} /> },
            {
              id: "used",
              header: "Last used",
              cell: (child) => (
                <div>
                  <LastUsed apiKey={child} />
                </div>
              ),
            },
          ]}
          rows={data?.apiKeys}
          expected={1}
          rowId={(child) => child.id}
          rowName={(child) => child.name}
        />
      )}
    </Section>
  );
}
