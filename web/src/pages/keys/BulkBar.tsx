import { Alert, Button, Group, Progress, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { type ApiKey, deleteKey, patchKey, refreshKeys } from "../../api/keys";
import { type Here, useHere } from "../../frame/place";
import { Dialog } from "../../ui/Dialog";
import { AlertIcon, CheckIcon, ClockIcon, CloseIcon, PowerIcon, TrashIcon } from "../../ui/icons";
import classes from "./KeysPage.module.css";
import { isInUse, lastUse } from "./show";

type Kind = "enable" | "disable" | "delete";

const WORDS: Record<Kind, { verb: string; done: string }> = {
  enable: { verb: "Enable", done: "enabled" },
  disable: { verb: "Disable", done: "disabled" },
  delete: { verb: "Delete", done: "deleted" },
};

/** How many calls are under way at once. */
const AT_ONCE = 4;

function act(here: Here, kind: Kind, id: string): Promise<unknown> {
  return kind === "delete"
    ? deleteKey(here.place, id)
    : patchKey(here.place, id, { enabled: kind === "enable" });
}

/** What is to be done with which keys. */
export interface Bulk {
  kind: Kind;
  keys: ApiKey[];
}

/** What can be done with the chosen keys. */
export function BulkBar({
  selected,
  onStart,
  onNone,
}: {
  selected: ApiKey[];
  onStart: (bulk: Bulk) => void;
  onNone: () => void;
}) {
  const start = (kind: Kind) => () => onStart({ kind, keys: selected });
  return (
    <section className={classes.bulk} aria-label="Chosen keys">
      <Text size="sm" fw={600} role="status">
        {selected.length} chosen
      </Text>
      <Button size="xs" variant="default" leftSection={<PowerIcon size={15} />} onClick={start("disable")}>
        Disable
      </Button>
      <Button size="xs" variant="default" leftSection={<CheckIcon size={15} />} onClick={start("enable")}>
        Enable
      </Button>
      <Button size="xs" color="red" leftSection={<TrashIcon size={15} />} onClick={start("delete")}>
        Delete
      </Button>
      <Button size="xs" variant="subtle" onClick={onNone}>
        Choose none
      </Button>
    </section>
  );
}

interface Result {
  failure?: string;
}

/** Does it, one key after the other, and says of each what became of it. */
export function BulkDialog({
  kind,
  keys,
  onClose,
}: {
  kind: Kind;
  keys: ApiKey[];
  onClose: (finished: boolean) => void;
}) {
  const here = useHere();
  const [results, setResults] = useState<ReadonlyMap<string, Result>>(new Map());
  const [state, setState] = useState<"asking" | "working" | "done">("asking");
  const [typed, setTyped] = useState("");
  const { verb, done } = WORDS[kind];
  const used = keys.filter(isInUse);
  const phrase = `${kind} ${keys.length}`;
  const asks = kind === "delete" && used.length > 0;
  const failed = [...results.values()].filter((result) => result.failure).length;

  const work = async () => {
    setState("working");
    const queue = [...keys];
    const worker = async () => {
      for (let apiKey = queue.shift(); apiKey; apiKey = queue.shift()) {
        const { id } = apiKey;
        const result = await act(here, kind, id).then(
          (): Result => ({}),
          (error: Error): Result => ({ failure: error.message }),
        );
        setResults((before) => new Map(before).set(id, result));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    setState("done");
    await refreshKeys(here.place);
  };
  const close = () => state !== "working" && onClose(state === "done");
  return (
    <Dialog onClose={close} title={`${verb} ${keys.length} ${keys.length === 1 ? "key" : "keys"}`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (state === "asking") work();
          else close();
        }}
      >
        <Stack>
          {state === "asking" && used.length > 0 && kind !== "enable" && (
            <Alert
              color={kind === "delete" ? "red" : "yellow"}
              icon={<AlertIcon />}
              title={`${used.length} of them in use`}
            >
              Whatever uses them is refused from that moment.
              {kind === "delete" && " Nothing brings a deleted key back; keys that they made go with them."}
            </Alert>
          )}
          {state !== "asking" && (
            <>
              <Progress
                value={(results.size / keys.length) * 100}
                aria-label="Progress"
                color={failed > 0 ? "red" : "indigo"}
              />
              <Text size="sm" role="status">
                {results.size - failed} of {keys.length} {done}
                {failed > 0 && `, ${failed} refused`}
              </Text>
            </>
          )}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
          <ul className={classes.results} tabIndex={0} aria-label="Keys">
            {keys.map((apiKey) => (
              <li key={apiKey.id}>
                <State result={results.get(apiKey.id)} />
                <span>
                  <Text span size="sm" fw={600}>
                    {apiKey.name}
                  </Text>{" "}
                  <Text span size="sm" c="dimmed">
                    {results.get(apiKey.id)?.failure ?? lastUse(apiKey)}
                  </Text>
                </span>
              </li>
            ))}
          </ul>
          {state === "asking" && asks && (
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
          <Group justify="flex-end">
            {state === "asking" && (
              <Button variant="default" onClick={close}>
                Cancel
              </Button>
            )}
            {state === "asking" ? (
              <Button
                type="submit"
                color={kind === "delete" ? "red" : "indigo"}
                disabled={asks && typed.trim() !== phrase}
              >
                {verb}
              </Button>
            ) : (
              <Button type="submit" loading={state === "working"}>
                Close
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function State({ result }: { result: Result | undefined }) {
  if (!result) return <ClockIcon size={15} aria-hidden={false} role="img" aria-label="Waiting:" />;
  return result.failure ? (
    <CloseIcon size={15} aria-hidden={false} role="img" aria-label="Refused:" />
  ) : (
    <CheckIcon size={15} className={classes.may} aria-hidden={false} role="img" aria-label="Done:" />
  );
}
