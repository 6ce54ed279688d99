import { Button, Group, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import {
  deleteUser,
  forgetUser,
  patchUser,
  refreshUsers,
  sessionsQuery,
  type User,
  userQuery,
} from "../../api/users";
import { useHere } from "../../frame/place";
import { useAction } from "../../ui/action";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { Dialog } from "../../ui/Dialog";
import { EditIcon, KeyIcon, PowerIcon, TrashIcon } from "../../ui/icons";
import { TextLink } from "../../ui/links";
import { Page } from "../../ui/Page";
import { Failure } from "../../ui/states";
import { Moment } from "../../ui/time";
import { say } from "../../ui/toast";
import { History } from "../audit/History";
import { LinkDialog } from "./LinkDialog";
import { Roles } from "./Roles";
import { Sessions } from "./Sessions";
import { UserState } from "./show";
import classes from "./UsersPage.module.css";

const USERS = "/orgs/$org/projects/$project/settings/users";
const route = getRouteApi("/orgs/$org/projects/$project/settings/users/$id");

export function UserPage() {
  const here = useHere();
  const { id } = route.useParams();
  const { data: user, error, refetch } = useQuery(userQuery(id));
  const writes = here.mayAtAccount("users:write");
  const above = (
    <TextLink to={USERS} params={here.params} size="sm">
      Users and access
    </TextLink>
  );
  if (error) {
    return (
      <Page title="Person" above={above}>
        <Failure error={error} retry={() => refetch()} />
      </Page>
    );
  }
  if (!user) {
    return (
      <Page title="Person" above={above}>
        <Skeleton height="16rem" />
        <Skeleton height="12rem" />
      </Page>
    );
  }
  return (
    <Page
      title={user.name}
      above={above}
      description={
        <Group gap="0 0.6rem">
          <span>{user.email}</span>
          <UserState user={user} />
          <Text size="sm" span>
            added <Moment at={user.createdAt} />
          </Text>
        </Group>
      }
      actions={writes && <Actions user={user} />}
    >
      <Roles user={user} writes={writes} />
      <Sessions
        user={user}
        mayEnd={writes}
        description="Where they are signed in. What is ended here has to sign in again, at once."
      />
      {here.mayAtAccount("audit:read") && (
        <div className={classes.columns}>
          <History query={{ subjectId: user.id }} />
        </div>
      )}
    </Page>
  );
}

type Asked = "name" | "link" | "deactivate" | "delete";

function Actions({ user }: { user: User }) {
  const [asked, setAsked] = useState<Asked>();
  const [link, setLink] = useState<string>();
  const { run, busy, error } = useAction();
  const close = () => setAsked(undefined);
  const activate = () =>
    run(async () => {
      await patchUser(user.id, { active: true });
      say(`${user.name} may sign in again.`);
      await refreshUsers();
    });
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <Button variant="default" leftSection={<EditIcon size={16} />} onClick={() => setAsked("name")}>
          Rename
        </Button>
        <Button variant="default" leftSection={<KeyIcon size={16} />} onClick={() => setAsked("link")}>
          {user.hasPassword ? "Reset password" : "New set-up link"}
        </Button>
        {user.active ? (
          <Button
            variant="default"
            leftSection={<PowerIcon size={16} />}
            onClick={() => setAsked("deactivate")}
          >
            Deactivate
          </Button>
        ) : (
          <Button variant="default" leftSection={<PowerIcon size={16} />} loading={busy} onClick={activate}>
            Activate
          </Button>
        )}
        <Button color="red" leftSection={<TrashIcon size={16} />} onClick={() => setAsked("delete")}>
          Delete
        </Button>
      </Group>
      {error !== undefined && <Failure error={error} />}
      {asked === "name" && <RenameDialog user={user} onClose={close} />}
      {asked === "link" && (
        <ConfirmDialog
          title={`Make a link for ${user.email}?`}
          verb="Make the link"
          onClose={close}
          action={async () => {
            const { setupLink } = await patchUser(user.id, { resetPassword: true });
            close();
            setLink(setupLink ?? undefined);
            await refreshUsers();
          }}
        >
          <Text size="sm">
            With it they choose a new password. An earlier link no longer counts; their password works until
            they have chosen another.
          </Text>
        </ConfirmDialog>
      )}
      {asked === "deactivate" && <DeactivateDialog user={user} onClose={close} />}
      {asked === "delete" && <DeleteDialog user={user} onClose={close} />}
      {link && <LinkDialog link={link} email={user.email} onClose={() => setLink(undefined)} />}
    </Stack>
  );
}

function RenameDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const [name, setName] = useState(user.name);
  const { run, busy, error } = useAction();
  return (
    <Dialog onClose={onClose} title={`Rename ${user.name}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            await patchUser(user.id, { name });
            onClose();
            await refreshUsers();
          });
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            required
            autoComplete="off"
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          {error !== undefined && <Failure error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

/** How many sessions they have; `undefined` while that is not known. */
function useSessionCount(user: User): number | undefined {
  const { data } = useQuery({ ...sessionsQuery(user.id, { pageIndex: 0, pageSize: 1 }), staleTime: 0 });
  return data?.totalCount;
}

const ending = (count: number | undefined): string =>
  count === undefined || count === 0
    ? "They are signed in nowhere."
    : count === 1
      ? "Their session ends at once."
      : `Their ${count} sessions end at once.`;

function DeactivateDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const count = useSessionCount(user);
  return (
    <ConfirmDialog
      title={`Deactivate ${user.name}?`}
      verb="Deactivate"
      danger
      onClose={onClose}
      action={async () => {
        await patchUser(user.id, { active: false });
        say(`${user.name} may not sign in any more.`);
        onClose();
        await refreshUsers();
      }}
    >
      <Text size="sm">{ending(count)} They cannot sign in until someone activates them again.</Text>
      <Text size="sm">Their roles and the API keys that they made stay as they are.</Text>
    </ConfirmDialog>
  );
}

function DeleteDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const here = useHere();
  const navigate = route.useNavigate();
  const count = useSessionCount(user);
  return (
    <ConfirmDialog
      title={`Delete ${user.name}?`}
      verb="Delete"
      danger
      phrase={count ? user.email : undefined}
      onClose={onClose}
      action={async () => {
        await deleteUser(user.id);
        say(`${user.name} is deleted.`);
        onClose();
        navigate({ to: USERS, params: here.params, replace: true });
        await forgetUser(user.id);
      }}
    >
      <Text size="sm">{ending(count)} Their roles are gone with them.</Text>
      <Text size="sm">
        The API keys that they made go on working; what they did stays in the activity log. Nothing brings a
        person back: to keep someone out for a while, deactivate them.
      </Text>
    </ConfirmDialog>
  );
}
