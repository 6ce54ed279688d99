import { Badge, Group, Text, Title } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { type Document, example, follow, type Media, type Operation } from "../../api/document";
import { isPermission, permissionWords } from "../../api/words";
import { CodeBlock, CopyButton } from "../../ui/Copy";
import { Page } from "../../ui/Page";
import classes from "./Docs.module.css";
import { Method } from "./Method";
import { Prose } from "./Prose";
import { curlOf, type Filled, firstBody } from "./request";
import { roleLabels } from "./roles";
import { kind, Parameters, SchemaView } from "./SchemaView";
import { TryIt } from "./TryIt";

/** One call: what it does, who may, what it takes and answers; as a command, and to be tried. */
export function OperationPage({
  document,
  operation,
  above,
}: {
  document: Document;
  operation: Operation;
  above: ReactNode;
}) {
  const [filled, setFilled] = useState<Filled>(() => ({
    values: {},
    body: firstBody(document, operation),
    accept: "",
  }));
  const curl = curlOf(operation, filled);
  const bodies = Object.entries(operation.requestBody?.content ?? {});
  return (
    <Page
      title={operation.title.replaceAll("`", "")}
      above={above}
      description={
        <>
          <span className={classes.call}>
            <Method of={operation.method} /> <code>{operation.path}</code>
            <a className={classes.toTry} href="#try-it">
              Try it
            </a>
          </span>
          <Prose>{operation.more}</Prose>
        </>
      }
    >
      <div className={classes.columns}>
        <div className={classes.told}>
          <Section title="Who may">
            <WhoMay document={document} operation={operation} />
          </Section>
          {operation.parameters && operation.parameters.length > 0 && (
            <Section title="Parameters">
              <Parameters document={document} parameters={operation.parameters} />
            </Section>
          )}
          {bodies.map(([type, media]) => (
            <Section key={type} title="Body">
              <MediaView document={document} type={type} media={media} of="request" />
            </Section>
          ))}
          <Section title="Answers">
            <Answers document={document} operation={operation} />
          </Section>
        </div>
        <div className={classes.done}>
          <Section title="As a command">
            <CodeBlock>{curl}</CodeBlock>
            <Group>
              <CopyButton text={curl} label="Copy command" />
            </Group>
            {operation.takesKey && (
              <Text size="sm" c="dimmed">
                The key comes from the variable <code>SEXTANT_API_KEY</code>.
              </Text>
            )}
          </Section>
          <Section id="try-it" title="Try it">
            <TryIt document={document} operation={operation} filled={filled} onChange={setFilled} />
          </Section>
        </div>
      </div>
    </Page>
  );
}

function Section({ id, title, children }: { id?: string; title: string; children: ReactNode }) {
  return (
    <section id={id} className={classes.section}>
      <Title order={2} size="h4">
        {title}
      </Title>
      {children}
    </section>
  );
}

function WhoMay({ document, operation }: { document: Document; operation: Operation }) {
  const permission = operation["x-permission"] ?? "none";
  if (!operation.takesKey) {
    return (
      <Text size="sm">
        It takes no key and no permission. Calls about a session are about the console's own sign-in.
      </Text>
    );
  }
  if (!isPermission(permission)) return <Text size="sm">Every key, about itself.</Text>;
  const { keys, people } = roleLabels(document, permission);
  return (
    <Text size="sm" component="div">
      <code>{permission}</code>: {inSentence(permissionWords[permission])}
      <dl className={classes.who}>
        <dt>Keys</dt>
        <dd>{keys.join(", ") || "none: this is for people signed in"}</dd>
        <dt>People</dt>
        <dd>{people.join(", ") || "none"}</dd>
      </dl>
    </Text>
  );
}

const inSentence = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1);

function MediaView({
  document,
  type,
  media,
  of,
}: {
  document: Document;
  type: string;
  media: Media;
  of: "request" | "answer";
}) {
  const schema = media.schema ?? {};
  const { schema: whole } = follow(document, schema);
  const isJson = type === "application/json";
  const shown = isJson ? (media.example ?? example(document, schema)) : undefined;
  return (
    <div className={classes.media}>
      <Text size="sm" component="div">
        <code>{type}</code>
        {isJson && <span className={classes.type}> {kind(document, schema)}</span>}
        {whole.description && (
          <div>
            <Prose>{whole.description}</Prose>
          </div>
        )}
      </Text>
      <SchemaView document={document} schema={schema} of={of} />
      {shown !== undefined && (
        <details open={of === "request"}>
          <summary>
            <Text span size="sm" fw={600}>
              Example
            </Text>
          </summary>
          <CodeBlock>{JSON.stringify(shown, null, 2)}</CodeBlock>
        </details>
      )}
    </div>
  );
}

function Answers({ document, operation }: { document: Document; operation: Operation }) {
  const all = Object.entries(operation.responses);
  const good = all.filter(([status]) => status.startsWith("2"));
  const bad = all.filter(([status]) => !status.startsWith("2"));
  return (
    <>
      {good.map(([status, response]) => (
        <div key={status} className={classes.media}>
          <Text size="sm" component="div">
            <Badge color="green" variant="light" radius="sm">
              {status}
            </Badge>{" "}
            <Prose>{response.description}</Prose>
          </Text>
          {Object.entries(response.content ?? {}).map(([type, media]) => (
            <MediaView key={type} document={document} type={type} media={media} of="answer" />
          ))}
        </div>
      ))}
      <dl className={classes.statuses}>
        {bad.map(([status, response]) => (
          <div key={status}>
            <dt>{status}</dt>
            <dd>
              <Prose>{response.description}</Prose>
              <Others document={document} media={response.content?.["application/json"]} />
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** A failure that has more to say than every failure has. */
function Others({ document, media }: { document: Document; media: Media | undefined }) {
  const schema = media?.schema;
  if (!schema || schema.$ref?.endsWith("/ErrorBody")) return null;
  return (
    <details>
      <summary>What it says</summary>
      <SchemaView document={document} schema={schema} of="answer" />
    </details>
  );
}
