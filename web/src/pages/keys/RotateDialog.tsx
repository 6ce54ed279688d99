import { Button, Checkbox, Group, NativeSelect, Stack, Text } from "@mantine/core";
import { useCallback, useState } from "react";
import { type ApiKey, type MintedKey, refreshKeys, rotateKey } from "../../api/keys";
import { useHere } from "../../frame/place";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/states";
import { Secret } from "./Secret";
import { lastUse } from "./show";

const OVERLAPS = [
  { value: "0", label: "It stops at once (after a leak)" },
  { value: "3600", label: "One more hour" },
  { value: "86400", label: "One more day" },
  { value: "604800", label: "One more week" },
  { value: "2592000", label: "30 more days" },
];

export function RotateDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const { place } = useHere();
  const [overlap, setOverlap] = useState("86400");
  const [endsOnUse, setEndsOnUse] = useState(false);
  const [offspring, setOffspring] = useState(false);
  const [minted, setMinted] = useState<MintedKey>();
  const { run, busy, error } = useAction();
  const close = useCallback(() => {
    setMinted(undefined);
    onClose();
  }, [onClose]);
  if (minted) return <Secret minted={minted} title={`${apiKey.name} has a new secret`} onClose={close} />;
  const makesKeys = apiKey.scopes.includes("api_keys:write");
  return (
    <Dialog onClose={onClose} title={`Rotate ${apiKey.name}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(async () => {
            const answer = await rotateKey(place, apiKey.id, {
              overlapSeconds: Number(overlap),
              endOverlapOnFirstUse: overlap !== "0" && endsOnUse,
              deleteOffspring: makesKeys && offspring,
            });
            setMinted(answer);
            refreshKeys(place);
          });
        }}
      >
        <Stack>
          <Text size="sm">
            The key gets a new secret; name, permissions, limits and expiry stay. It was {lastUse(apiKey)}.
          </Text>
          <NativeSelect
            label="The old secret"
            data={OVERLAPS}
            value={overlap}
            onChange={(event) => setOverlap(event.currentTarget.value)}
            data-autofocus
          />
          {overlap !== "0" && (
            <Checkbox
              label="It also stops with the first use of the new one"
              description="Leave this off where several programs hold the key."
              checked={endsOnUse}
              onChange={(event) => setEndsOnUse(event.currentTarget.checked)}
            />
          )}
          {makesKeys && (
            <Checkbox
              label="Delete the keys that this key made"
              description="After a leak: whoever had it may have made some."
              checked={offspring}
              onChange={(event) => setOffspring(event.currentTarget.checked)}
            />
          )}
          {error !== undefined && <Failure error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              Rotate
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
