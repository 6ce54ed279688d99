import { Badge, Group, Text, Title } from "@mantine/core";
import { CopyButton } from "../../ui/Copy";
import classes from "./Docs.module.css";

export interface Answer {
  status: number;
  reason: string;
  milliseconds: number;
  headers: [string, string][];
  text: string;
}

/** More than this is not for reading; it would only make the page slow. */
const SHOWN = 100_000;

const colourOf = (status: number) =>
  status < 300 ? "green" : status < 400 ? "blue" : status < 500 ? "yellow" : "red";

export function AnswerView({ answer }: { answer: Answer }) {
  const { status, reason, milliseconds, headers } = answer;
  const text = pretty(answer.text);
  return (
    <section aria-label="Answer" className={classes.answer}>
      <Title order={3} size="h5">
        Answer
      </Title>
      <Group gap="sm" role="status">
        <Badge color={colourOf(status)} variant="light" radius="sm" size="lg">
          {status} {reason}
        </Badge>
        <Text size="sm" c="dimmed">
          {Math.max(1, Math.round(milliseconds))} ms · {size(new Blob([answer.text]).size)}
        </Text>
      </Group>
      <details>
        <summary>
          <Text span size="sm" fw={600}>
            Headers ({headers.length})
          </Text>
        </summary>
        <dl className={classes.headers}>
          {headers.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </details>
      {text ? (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
          <section className={classes.content} tabIndex={0} aria-label="Body of the answer">
            <pre>
              <code>{text.slice(0, SHOWN)}</code>
            </pre>
          </section>
          {text.length > SHOWN && (
            <Text size="sm" c="dimmed">
              Only the first {size(SHOWN)} are shown; the copy has everything.
            </Text>
          )}
          <Group>
            <CopyButton text={text} label="Copy answer" />
          </Group>
        </>
      ) : (
        <Text size="sm" c="dimmed">
          The answer has no body.
        </Text>
      )}
    </section>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const size = (bytes: number): string => (bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KB`);
