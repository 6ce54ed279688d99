import { Button, Menu, Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ApiError, answer, api } from "../api/client";
import { end, type Session } from "../api/session";
import { KeyIcon, SignOutIcon, UserIcon } from "../ui/icons";
import { explain } from "../ui/states";
import { say } from "../ui/toast";
import { PasswordDialog } from "./PasswordDialog";
import { ThemeSwitch } from "./ThemeSwitch";
import classes from "./UserMenu.module.css";

/** Who is signed in; their account, their password, their theme, the way out. */
export function UserMenu({
  session,
  here,
}: {
  session: Session;
  /** The project whose pages one is on: without one there is no page of the account's. */
  here?: { org: string; project: string };
}) {
  const navigate = useNavigate();
  const [password, setPassword] = useState(false);
  const name = session.user.name || session.user.email;
  const signOut = async () => {
    try {
      await answer(api.DELETE("/v1/session"));
    } catch (error) {
      // A session that has ended already is what was wanted.
      if (!(error instanceof ApiError && error.status === 401)) {
        say(explain(error).title);
        return;
      }
    }
    await navigate({ to: "/sign-in" });
    end();
  };
  return (
    <>
      <ThemeSwitch />
      <Menu position="bottom-end" width={260} transitionProps={{ duration: 0 }}>
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            className={classes.button ?? ""}
            leftSection={<UserIcon size={18} />}
          >
            <span className={classes.name}>{name}</span>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <div className={classes.who}>
            <Text size="sm" fw={600}>
              {name}
            </Text>
            <Text size="xs" c="dimmed">
              {session.user.email}
            </Text>
          </div>
          <Menu.Divider />
          {here && (
            <Menu.Item
              leftSection={<UserIcon size={16} />}
              onClick={() => navigate({ to: "/orgs/$org/projects/$project/account", params: here })}
            >
              My account
            </Menu.Item>
          )}
          <Menu.Item leftSection={<KeyIcon size={16} />} onClick={() => setPassword(true)}>
            Change password
          </Menu.Item>
          <Menu.Item leftSection={<SignOutIcon size={16} />} onClick={signOut}>
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {password && <PasswordDialog email={session.user.email} onClose={() => setPassword(false)} />}
    </>
  );
}
