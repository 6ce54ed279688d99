import { Button, Group, NativeSelect, PasswordInput, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { type SubmitEvent, useEffect, useRef, useState } from "react";
import { ApiError } from "../../api/client";
import { type Document, follow, type Operation, type Parameter, typesOf } from "../../api/document";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/states";
import { type Answer, AnswerView } from "./AnswerView";
import classes from "./Docs.module.css";
import { useHeldKey } from "./held";
import { addressOf, answerKinds, bodyKind, type Filled, headersOf, isForm, nameOf } from "./request";

interface Props {
  document: Document;
  operation: Operation;
  filled: Filled;
  onChange: (filled: Filled) => void;
}

/** Sends the call. The answer is in this component's state and goes with it; it can hold a secret, too. */
export function TryIt({ document, operation, filled, onChange }: Props) {
  const held = useHeldKey();
  const file = useRef<HTMLInputElement>(null);
  const [asking, setAsking] = useState(false);
  const [answer, setAnswer] = useState<Answer>();
  const [wrong, setWrong] = useState("");
  const { run, busy, error, clear } = useAction();
  const gone = useRef(new AbortController());
  useEffect(() => {
    gone.current = new AbortController();
    return () => gone.current.abort();
  }, []);
  const kind = bodyKind(operation);
  const kinds = answerKinds(operation);
  const address = addressOf(operation, filled);
  const set = (name: string, value: string) =>
    onChange({ ...filled, values: { ...filled.values, [name]: value } });

  const send = () =>
    run(async () => {
      setAsking(false);
      setAnswer(undefined);
      const headers = new Headers(headersOf(operation, filled));
      if (operation.takesKey) headers.set("x-api-key", held.current);
      const done = await exchange(
        address,
        operation.method,
        headers,
        bodyOf(kind, filled.body, file.current),
        gone.current.signal,
      );
      if (done) setAnswer(done);
    });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const problem = problemOf(address, held.current, kind, filled.body);
    setWrong(problem);
    clear();
    if (problem) return;
    if (operation.method === "GET") send();
    else setAsking(true);
  };
  return (
    <form onSubmit={submit} autoComplete="off">
      <Stack gap="sm">
        {operation.takesKey ? (
          <KeyField />
        ) : (
          <Text size="sm" c="dimmed">
            This call takes no key. It is sent without your session, as a stranger would.
          </Text>
        )}
        {operation.parameters?.map((parameter) => (
          <ParameterField
            key={nameOf(parameter)}
            document={document}
            parameter={parameter}
            value={filled.values[nameOf(parameter)] ?? ""}
            onChange={(value) => set(nameOf(parameter), value)}
          />
        ))}
        {isForm(kind) && <TextInput ref={file} type="file" label="file" required />}
        {kind && !isForm(kind) && (
          <Textarea
            label="Body (JSON)"
            rows={Math.min(14, Math.max(4, filled.body.split("\n").length))}
            spellCheck={false}
            autoComplete="off"
            classNames={{ input: classes.mono ?? "" }}
            value={filled.body}
            onChange={(event) => onChange({ ...filled, body: event.currentTarget.value })}
          />
        )}
        {kinds.length > 1 && (
          <NativeSelect
            label="Answer as"
            data={kinds}
            value={filled.accept || kinds[0] || ""}
            onChange={(event) =>
              onChange({
                ...filled,
                accept: event.currentTarget.value === kinds[0] ? "" : event.currentTarget.value,
              })
            }
          />
        )}
        {wrong && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {wrong}
          </Text>
        )}
        <Group>
          <Button type="submit" loading={busy}>
            Send
          </Button>
        </Group>
        {error !== undefined && <Failure error={error} />}
        {answer && <AnswerView answer={answer} />}
      </Stack>
      {asking && (
        <Dialog title={`Send this ${operation.method}?`} onClose={() => setAsking(false)}>
          <Stack>
            <Text size="sm">
              This is no rehearsal: the request goes to {location.host} and changes what is stored there.
            </Text>
            <Text size="sm" className={classes.mono ?? ""}>
              {operation.method} {address}
            </Text>
            <Text size="sm">{operation.title}.</Text>
            <Group justify="flex-end">
              <Button variant="default" data-autofocus onClick={() => setAsking(false)}>
                Cancel
              </Button>
              <Button color={operation.method === "DELETE" ? "red" : "indigo"} onClick={send}>
                Send it
              </Button>
            </Group>
          </Stack>
        </Dialog>
      )}
    </form>
  );
}

/** Not controlled: the library would write the value of a controlled field into the document's attributes. */
function KeyField() {
  const held = useHeldKey();
  const field = useRef<HTMLInputElement>(null);
  const [any, setAny] = useState(held.current !== "");
  useEffect(() => {
    if (field.current) field.current.value = held.current;
  }, [held]);
  const take = (value: string) => {
    held.current = value.trim();
    setAny(held.current !== "");
  };
  return (
    <div>
      <PasswordInput
        ref={field}
        label="API key"
        description="Stays in this page's memory while you read here. It is stored nowhere."
        placeholder="sxt_…"
        required
        spellCheck={false}
        autoCapitalize="off"
        // Browsers offer to store passwords even where they are told not to; codes for one use they leave alone.
        autoComplete="one-time-code"
        data-1p-ignore=""
        data-lpignore="true"
        visibilityToggleButtonProps={{ "aria-label": "Show or hide the key", tabIndex: 0 }}
        onChange={(event) => take(event.currentTarget.value)}
      />
      {any && (
        <Button
          mt="xs"
          size="compact-sm"
          variant="default"
          onClick={() => {
            take("");
            if (field.current) {
              field.current.value = "";
              field.current.focus();
            }
          }}
        >
          Forget the key
        </Button>
      )}
    </div>
  );
}

function ParameterField({
  document,
  parameter,
  value,
  onChange,
}: {
  document: Document;
  parameter: Parameter;
  value: string;
  onChange: (value: string) => void;
}) {
  const { schema } = follow(document, parameter.schema ?? {});
  const label = parameter.name;
  const shared = {
    label,
    required: parameter.required ?? false,
    value,
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  };
  const choices = typesOf(schema).includes("boolean") ? ["true", "false"] : schema.enum?.map(String);
  if (choices) return <NativeSelect {...shared} data={["", ...choices]} />;
  const isNumber = typesOf(schema).some((type) => type === "integer" || type === "number");
  return (
    <TextInput
      {...shared}
      autoComplete="off"
      spellCheck={false}
      inputMode={isNumber ? "numeric" : "text"}
      placeholder={typesOf(schema).includes("array") ? "one, or several with commas" : ""}
    />
  );
}

const KEY = /sxt_[0-9A-Za-z]{12}_/;

function problemOf(address: string, key: string, kind: string | undefined, body: string): string {
  // The server takes a key in an address for one that has become public.
  if (KEY.test(decodeURIComponent(address)))
    return "There is a key among the parameters. It belongs into the field for the key.";
  if (/[^\x21-\x7e]/.test(key)) return "This is no key: it has spaces or characters that no key has.";
  if (!kind || isForm(kind)) return "";
  try {
    JSON.parse(body);
    return "";
  } catch (error) {
    return `The body is not JSON: ${error instanceof Error ? error.message : ""}`;
  }
}

function bodyOf(kind: string | undefined, body: string, file: HTMLInputElement | null): BodyInit | null {
  if (!kind) return null;
  const chosen = file?.files?.[0];
  if (!isForm(kind)) return body;
  const form = new FormData();
  if (chosen) form.append("file", chosen);
  return form;
}

/** `undefined`: the page was left meanwhile. */
async function exchange(
  address: string,
  method: string,
  headers: Headers,
  body: BodyInit | null,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  const begun = performance.now();
  try {
    const response = await fetch(address, {
      method,
      headers,
      body,
      signal,
      // The key alone counts, its answer is kept by no cache, and it follows nobody to another address.
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
    });
    const text = await response.text();
    return {
      status: response.status,
      reason: response.statusText,
      milliseconds: performance.now() - begun,
      headers: [...response.headers],
      text,
    };
  } catch {
    if (signal.aborted) return undefined;
    throw new ApiError(0, "NETWORK", "The server did not answer.", undefined);
  }
}
