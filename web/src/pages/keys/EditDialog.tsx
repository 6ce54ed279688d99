import { Button, Checkbox, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "../../api/client";
import { type ApiKey, type PatchKey, patchKey, refreshKeys } from "../../api/keys";
import { isPermission, permissionWords } from "../../api/words";
import { useHere } from "../../frame/place";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/Dialog";
import { Failure, sentence } from "../../ui/states";
import { say } from "../../ui/toast";
import { NetworksInput, RateInput } from "./CreateDialog";
import { networksOf, rateOf } from "./limits";

/** Name and description, and less power than before: more takes a new key. */
export function EditDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const { place } = useHere();
  const [name, setName] = useState(apiKey.name);
  const [description, setDescription] = useState(apiKey.description);
  const [expiresAt, setExpiresAt] = useState(localInput(apiKey.expiresAt));
  const [scopes, setScopes] = useState<string[]>(apiKey.scopes);
  const [networks, setNetworks] = useState(apiKey.allowedCidrs?.join("\n") ?? "");
  const [rate, setRate] = useState(String(apiKey.rateLimitPerMinute ?? ""));
  const { run, busy, error } = useAction();
  const taken = error instanceof ApiError && error.code === "NAME_TAKEN";

  const submit = async () => {
    // Only what is another than before: an unchanged expiry would be cut to whole minutes.
    const body: PatchKey = {
      ...(name !== apiKey.name && { name }),
      ...(description !== apiKey.description && { description }),
      ...(expiresAt !== localInput(apiKey.expiresAt) && {
        expiresAt: expiresAt ? new Date(expiresAt).toISOString() : null,
      }),
      ...(scopes.length !== apiKey.scopes.length && { scopes }),
      ...(networks !== (apiKey.allowedCidrs?.join("\n") ?? "") && {
        allowedCidrs: networksOf(networks) ?? null,
      }),
      ...(rate !== String(apiKey.rateLimitPerMinute ?? "") && { rateLimitPerMinute: rateOf(rate) ?? null }),
    };
    if (Object.keys(body).length > 0) {
      await patchKey(place, apiKey.id, body);
      say(`${name} is changed, everywhere.`);
      await refreshKeys(place);
    }
    onClose();
  };
  return (
    <Dialog onClose={onClose} title={`Edit ${apiKey.name}`} size="lg">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(submit);
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            required
            maxLength={128}
            autoComplete="off"
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={taken ? sentence(error.message) : undefined}
          />
          <TextInput
            label="Description"
            autoComplete="off"
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          <Text size="sm" c="dimmed">
            A key can lose power, never gain any. What is narrowed here holds everywhere at once, and cannot
            be widened again.
          </Text>
          <TextInput
            label="Expires (your local time)"
            description={apiKey.expiresAt ? "Not later than now set" : "Empty: never"}
            type="datetime-local"
            value={expiresAt}
            onChange={(event) => setExpiresAt(event.currentTarget.value)}
          />
          <Checkbox.Group
            label="Permissions"
            value={scopes}
            onChange={setScopes}
            error={scopes.length === 0 ? "A key needs at least one permission." : undefined}
          >
            <Stack gap={6} mt={6}>
              {apiKey.scopes.filter(isPermission).map((permission) => (
                <Checkbox key={permission} value={permission} size="sm" label={permissionWords[permission]} />
              ))}
            </Stack>
          </Checkbox.Group>
          <NetworksInput value={networks} onChange={setNetworks} />
          <RateInput value={rate} onChange={setRate} />
          {error !== undefined && !taken && <Failure error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy} disabled={scopes.length === 0}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

/** A moment in the form of `<input type="datetime-local">`, in local time. */
function localInput(at: string | null | undefined): string {
  if (!at) return "";
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
