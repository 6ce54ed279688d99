import { Badge, Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { end as endHere } from "../../api/session";
import {
  endAllSessions,
  endOtherSessions,
  endSession,
  refreshUsers,
  type SessionEntry,
  sessionsQuery,
} from "../../api/users";
import { useAction } from "../../ui/action";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { type Column, DataTable } from "../../ui/DataTable";
import { Section } from "../../ui/Page";
import { Pager } from "../../ui/Pager";
import { Failure } from "../../ui/states";
import { Moment } from "../../ui/time";
import { say } from "../../ui/toast";
import { programOf } from "./programs";

/** Where someone is signed in, and ending it; oneself without `user`. */
export function Sessions({
  user,
  mayEnd,
  description,
}: {
  user?: { id: string; email: string };
  mayEnd: boolean;
  description: ReactNode;
}) {
  const [page, setPage] = useState({ pageIndex: 0, pageSize: 25 });
  const { data, error, isPlaceholderData, refetch } = useQuery(sessionsQuery(user?.id, page));
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const { run, busy, error: refused } = useAction();
  const leave = async () => {
    await navigate({ to: "/sign-in" });
    endHere();
  };
  const end = ({ id, current }: SessionEntry) =>
    run(async () => {
      await endSession(user?.id, id);
      if (current) return leave();
      say("The session has ended.");
      await refreshUsers();
    });
  const endAll = async () => {
    const own = data?.sessions.some(({ current }) => current);
    await (user ? endAllSessions(user.id) : endOtherSessions());
    setAsking(false);
    if (user && own) return leave();
    say(user ? "All sessions have ended." : "All other sessions have ended.");
    await refreshUsers();
  };
  const others = (data?.totalCount ?? 0) - (user ? 0 : 1);
  const columns: Column<SessionEntry>[] = [
    {
      id: "program",
      header: "Program",
      cell: ({ userAgent, current }) => (
        <Text size="sm" span title={userAgent ?? undefined}>
          {programOf(userAgent)}{" "}
          {current && (
            <Badge variant="light" color="green" tt="none" radius="sm">
              This one
            </Badge>
          )}
        </Text>
      ),
    },
    { id: "address", header: "From", cell: ({ address }) => address ?? "–" },
    { id: "begun", header: "Begun", cell: ({ createdAt }) => <Moment at={createdAt} /> },
    { id: "seen", header: "Last used", cell: ({ seenAt }) => <Moment at={seenAt} /> },
    { id: "ends", header: "Ends", cell: ({ expiresAt }) => <Moment at={expiresAt} /> },
  ];
  if (mayEnd) {
    columns.push({
      id: "actions",
      header: "Actions",
      actions: true,
      cell: (session) => (
        <Button
          size="xs"
          variant="default"
          disabled={busy}
          aria-label={`End ${programOf(session.userAgent)}${session.address ? ` from ${session.address}` : ""}${session.current ? ", this one" : ""}`}
          onClick={() => end(session)}
        >
          End
        </Button>
      ),
    });
  }
  return (
    <Section
      title="Sessions"
      description={description}
      actions={
        mayEnd &&
        others > 0 && (
          <Button size="xs" variant="default" onClick={() => setAsking(true)}>
            {user ? "End all" : "End all others"}
          </Button>
        )
      }
    >
      {refused !== undefined && <Failure error={refused} />}
      {error ? (
        <Failure error={error} retry={() => refetch()} />
      ) : data?.totalCount === 0 ? (
        <Text c="dimmed">Signed in nowhere.</Text>
      ) : (
        <DataTable
          caption="Sessions"
          columns={columns}
          rows={data?.sessions}
          expected={1}
          rowId={({ id }) => id}
          rowName={({ userAgent }) => programOf(userAgent)}
          stale={isPlaceholderData}
        />
      )}
      {data && data.totalCount > page.pageSize && (
        <Pager
          index={data.pageIndex}
          size={data.pageSize}
          total={data.totalCount}
          onChange={(pageIndex, pageSize) => setPage({ pageIndex, pageSize })}
        />
      )}
      {asking && (
        <ConfirmDialog
          title={user ? `End all sessions of ${user.email}?` : "End all your other sessions?"}
          verb="End them"
          danger
          action={endAll}
          onClose={() => setAsking(false)}
        >
          <Text size="sm">
            {others === 1 ? "One browser or program has" : `${others} browsers and programs have`} to sign in
            again, from that moment.
          </Text>
        </ConfirmDialog>
      )}
    </Section>
  );
}
