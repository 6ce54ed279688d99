import { Alert, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { answer, api } from "../api/client";
import { begin } from "../api/session";
import { useAction } from "../ui/action";
import { AlertIcon } from "../ui/icons";
import { Failure } from "../ui/states";
import { Card } from "./Card";

/**
 * Where a one-time link leads: it makes the first administrator, or lets someone who was invited set a password. The token
 * stands in the fragment, which browsers send to nobody, and is taken out of the address before anything is shown.
 */
export function SetUp({ token }: { token: string | undefined }) {
  const router = useRouter();
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { run, busy, error } = useAction();
  if (!token) {
    return (
      <Card title="Set up Sextant">
        <Alert color="yellow" icon={<AlertIcon />} title="This link is not complete">
          Open it exactly as it was printed. If it got lost, <code>sextant init --new-link</code> makes
          another.
        </Alert>
      </Card>
    );
  }
  return (
    <Card title="Set up Sextant" description="Choose how you sign in. The link works once and for 24 hours.">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            const given = { ...(email && { email }), ...(name && { name }) };
            begin(await answer(api.POST("/v1/session/setup", { body: { token, password, ...given } })));
            router.history.replace("/");
          });
        }}
      >
        <Stack>
          <TextInput
            label="E-mail address"
            description="Leave it empty if someone invited you"
            type="email"
            autoFocus
            autoComplete="username"
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <TextInput
            label="Name"
            description="Optional"
            autoComplete="name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            description="At least 8 characters"
            required
            minLength={8}
            autoComplete="new-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          {error !== undefined && <Failure error={error} />}
          <Button type="submit" loading={busy} fullWidth>
            Set up
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
