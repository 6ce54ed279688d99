import { Button, Group, Stack, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useAction } from "./action";
import { Dialog } from "./Dialog";
import { Failure } from "./states";

interface Props {
  title: string;
  verb: string;
  danger?: boolean;
  /** To be typed before it goes on. */
  phrase?: string | undefined;
  action: () => Promise<void>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks once more, and says what will be another thing after it. */
export function ConfirmDialog({ title, verb, danger = false, phrase, action, onClose, children }: Props) {
  const [typed, setTyped] = useState("");
  const { run, busy, error } = useAction();
  return (
    <Dialog onClose={onClose} title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(action);
        }}
      >
        <Stack>
          {children}
          {phrase && (
            <TextInput
              label={
                <>
                  Type <code>{phrase}</code> to go on
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
            <Button variant="default" onClick={onClose} {...(!phrase && { "data-autofocus": true })}>
              Cancel
            </Button>
            <Button
              type="submit"
              color={danger ? "red" : "indigo"}
              loading={busy}
              disabled={phrase !== undefined && typed.trim() !== phrase}
            >
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
