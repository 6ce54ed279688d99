import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useState } from "react";
import { answer, api } from "../api/client";
import { refreshUsers } from "../api/users";
import { useAction } from "../ui/action";
import { Dialog } from "../ui/Dialog";
import { Failure } from "../ui/states";
import { say } from "../ui/toast";

export function PasswordDialog({ email, onClose }: { email: string; onClose: () => void }) {
  const [currentPassword, setCurrent] = useState("");
  const [newPassword, setNew] = useState("");
  const { run, busy, error } = useAction();
  return (
    <Dialog onClose={onClose} title="Change password">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            await answer(api.PUT("/v1/session/password", { body: { currentPassword, newPassword } }));
            say("Your password is changed. Your other sessions have ended.");
            onClose();
            await refreshUsers();
          });
        }}
      >
        <Stack>
          <input type="hidden" name="username" autoComplete="username" value={email} />
          <PasswordInput
            label="Current password"
            required
            autoComplete="current-password"
            value={currentPassword}
            onChange={(event) => setCurrent(event.currentTarget.value)}
            data-autofocus
          />
          <PasswordInput
            label="New password"
            description="At least 8 characters"
            required
            minLength={8}
            autoComplete="new-password"
            value={newPassword}
            onChange={(event) => setNew(event.currentTarget.value)}
          />
          {error !== undefined && <Failure error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              Change password
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
