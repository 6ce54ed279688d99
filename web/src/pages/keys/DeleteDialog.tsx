import { Alert, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type ApiKey, deleteKey, forgetKey, keyQuery } from "../../api/keys";
import { useHere } from "../../frame/place";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/Dialog";
import { AlertIcon } from "../../ui/icons";
import { Failure } from "../../ui/states";
import { say } from "../../ui/toast";
import { isInUse, lastUse } from "./show";

/** Says what will stop, and asks for the name where something would notice. */
export function DeleteDialog({
  apiKey: listed,
  onClose,
  onDeleted,
}: {
  apiKey: ApiKey;
  onClose: () => void;
  onDeleted?: () => void;
}) {
  const { place } = useHere();
  // The list may be some minutes old, and what counts here is the use until now.
  const { data: apiKey = listed } = useQuery({ ...keyQuery(place, listed.id), staleTime: 0 });
  const [typed, setTyped] = useState("");
  const { run, busy, error } = useAction();
  const inUse = isInUse(apiKey);
  const makesKeys = apiKey.scopes.includes("api_keys:write");
  return (
    <Dialog onClose={onClose} title={`Delete ${apiKey.name}?`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            await deleteKey(place, apiKey.id);
            say(`${apiKey.name} is deleted. It opens nothing any more.`);
            onClose();
            onDeleted?.();
            await forgetKey(place, apiKey.id);
          });
        }}
      >
        <Stack>
          {inUse ? (
            <Alert color="red" icon={<AlertIcon />} title="It is in use">
              It was {lastUse(apiKey)}, {apiKey.requestCount.toLocaleString()} requests in all. Whatever uses
              it is refused from that moment.
            </Alert>
          ) : (
            <Text size="sm">It was {lastUse(apiKey)}. Whatever uses it is refused from that moment.</Text>
          )}
          {makesKeys && <Text size="sm">The keys that it made are deleted with it.</Text>}
          <Text size="sm">Nothing brings a key back.</Text>
          {inUse && (
            <TextInput
              label={
                <>
                  Type <code>{apiKey.name}</code> to delete it
                </>
              }
              autoComplete="off"
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              data-autofocus
            />
          )}
          {error !== undefined && <Failure error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose} {...(!inUse && { "data-autofocus": true })}>
              Cancel
            </Button>
            <Button type="submit" color="red" loading={busy} disabled={inUse && typed.trim() !== apiKey.name}>
              Delete
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
