import { Button, Checkbox, Group, Stack, TextInput } from "@mantine/core";
import { useCallback, useState } from "react";
import { ApiError } from "../../api/client";
import { createUser, refreshUsers } from "../../api/users";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/Dialog";
import { Failure, sentence } from "../../ui/states";
import { LinkDialog } from "./LinkDialog";
import { useRoleFields } from "./RoleFields";

/** Adds a person, and shows the link by which they set their password. */
export function CreateUserDialog({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<{ email: string; link: string }>();
  const close = useCallback(() => {
    setMade(undefined);
    onClose();
  }, [onClose]);
  if (made) return <LinkDialog {...made} onClose={close} />;
  return (
    <Dialog onClose={onClose} title="Add a person" size="lg">
      <Form onClose={onClose} onMade={setMade} />
    </Dialog>
  );
}

function Form({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (made: { email: string; link: string }) => void;
}) {
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [withRole, setWithRole] = useState(true);
  const { binding, fields } = useRoleFields();
  const { run, busy, error } = useAction();
  const taken = error instanceof ApiError && error.code === "NAME_TAKEN";
  const submit = async () => {
    const { user, setupLink } = await createUser({
      email,
      ...(name.trim() && { name }),
      roles: withRole ? [binding] : [],
    });
    if (setupLink) onMade({ email: user.email, link: setupLink });
    await refreshUsers();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        run(submit);
      }}
    >
      <Stack>
        <TextInput
          label="E-mail address"
          description="By which they sign in. It stays."
          type="email"
          required
          autoComplete="off"
          data-autofocus
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          error={taken ? sentence(error.message) : undefined}
        />
        <TextInput
          label="Name"
          description="Optional"
          autoComplete="off"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Checkbox
          label="Give them a role now"
          checked={withRole}
          onChange={(event) => setWithRole(event.currentTarget.checked)}
        />
        {withRole && fields}
        {error !== undefined && !taken && <Failure error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Add and show the link
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
