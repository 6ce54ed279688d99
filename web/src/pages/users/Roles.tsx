import { ActionIcon, Button, Text } from "@mantine/core";
import { changeRoles, type RoleBinding, refreshUsers, type User } from "../../api/users";
import { useAction } from "../../ui/action";
import { PlusIcon, TrashIcon } from "../../ui/icons";
import { Section } from "../../ui/Page";
import { Failure } from "../../ui/states";
import { say } from "../../ui/toast";
import { useRoleFields } from "./RoleFields";
import { inOrder, placeLabel, RoleTag, roleLabel, sameBinding } from "./show";
import classes from "./UsersPage.module.css";

/** The roles of a person, and where each holds. */
export function Roles({ user, writes }: { user: User; writes: boolean }) {
  const { run, busy, error } = useAction();
  const change = (said: string, to: (roles: RoleBinding[]) => RoleBinding[]) =>
    run(async () => {
      await changeRoles(user.id, to);
      say(said);
      await refreshUsers();
    });
  return (
    <Section title="Roles" description="What counts is all of them together.">
      {user.roles.length === 0 ? (
        <Text c="dimmed">None: they can sign in and see nothing.</Text>
      ) : (
        <ul className={classes.roles}>
          {inOrder(user.roles).map((binding) => {
            const words = `${roleLabel(binding.role)} at ${placeLabel(binding)}`;
            return (
              <li key={words} className={classes.held}>
                <RoleTag binding={binding} /> <span className={classes.place}>{placeLabel(binding)}</span>
                {writes && (
                  <ActionIcon
                    variant="subtle"
                    color="red"
                    size="lg"
                    aria-label={`Take away ${words}`}
                    title="Take away"
                    disabled={busy}
                    onClick={() =>
                      change(`${user.name} is no longer ${words}.`, (roles) =>
                        roles.filter((one) => !sameBinding(one, binding)),
                      )
                    }
                  >
                    <TrashIcon />
                  </ActionIcon>
                )}
              </li>
            );
          })}
        </ul>
      )}
      {error !== undefined && <Failure error={error} />}
      {writes && (
        <AddRole
          busy={busy}
          held={user.roles}
          onAdd={(binding) =>
            change(`${user.name} is ${roleLabel(binding.role)} at ${placeLabel(binding)}.`, (roles) => [
              ...roles,
              binding,
            ])
          }
        />
      )}
    </Section>
  );
}

function AddRole({
  busy,
  held,
  onAdd,
}: {
  busy: boolean;
  held: readonly RoleBinding[];
  onAdd: (binding: RoleBinding) => void;
}) {
  const { binding, fields } = useRoleFields();
  const there = held.some((one) => sameBinding(one, binding));
  return (
    <form
      className={classes.add}
      aria-label="Give a role"
      onSubmit={(event) => {
        event.preventDefault();
        onAdd(binding);
      }}
    >
      {fields}
      <div>
        <Button type="submit" variant="default" leftSection={<PlusIcon />} loading={busy} disabled={there}>
          {there ? "They hold this role" : "Give this role"}
        </Button>
      </div>
    </form>
  );
}
