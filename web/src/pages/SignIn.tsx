import { Button, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { ApiError, answer, api } from "../api/client";
import { begin } from "../api/session";
import { useAction } from "../ui/action";
import { Failure } from "../ui/states";
import { Card } from "./Card";

const route = getRouteApi("/sign-in");

export function SignIn() {
  const { next } = route.useSearch();
  const router = useRouter();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const { run, busy, error } = useAction();
  const wrong = error instanceof ApiError && error.status === 401;
  return (
    <Card title="Sign in" description={next ? "Sign in to go on where you were." : undefined}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            begin(await answer(api.POST("/v1/session", { body: { email, password } })));
            router.history.replace(next ?? "/");
          });
        }}
      >
        <Stack>
          <TextInput
            label="E-mail address"
            type="email"
            required
            autoFocus
            autoComplete="username"
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            required
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={wrong ? "E-mail address and password do not belong together." : undefined}
          />
          {error !== undefined && !wrong && <Failure error={error} />}
          <Button type="submit" loading={busy} fullWidth>
            Sign in
          </Button>
          <Text size="sm" c="dimmed">
            Forgot it? Someone who manages users can give you a link for a new password. Nobody has signed in
            yet? Open the set-up link that the server printed at its first start;{" "}
            <code>sextant init --new-link</code> makes another.
          </Text>
        </Stack>
      </form>
    </Card>
  );
}
