import { Group, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Document } from "../../api/document";
import { isPermission, permissionWords, roleName } from "../../api/words";
import { CodeBlock, CopyButton } from "../../ui/Copy";
import { CheckIcon } from "../../ui/icons";
import { Page } from "../../ui/Page";
import classes from "./Docs.module.css";
import { Prose } from "./Prose";
import { personRoleName } from "./roles";
import { SchemaView } from "./SchemaView";

/** What all calls have in common. */
export function Guide({ document, above }: { document: Document; above: ReactNode }) {
  const line = `curl -H "x-api-key: $SEXTANT_API_KEY" ${location.origin}/v2/developers/schema`;
  const errors = document.components.schemas.ErrorBody;
  return (
    <Page
      title="How to use the API"
      tab="API documentation"
      above={above}
      description={<Prose>{document.info.description}</Prose>}
    >
      <div className={classes.guide}>
        <section className={classes.section}>
          <Title order={2} size="h4">
            Sending a key
          </Title>
          <Text size="sm">
            Each request names its key in the header <code>x-api-key</code>. A key belongs to one project and
            can do what its role and its permissions allow there.
          </Text>
          <CodeBlock>{line}</CodeBlock>
          <Group>
            <CopyButton text={line} label="Copy command" />
          </Group>
          <Text size="sm">
            Version {document.info.version}. The whole description for tools:{" "}
            <a className={classes.link} href="/openapi.json">
              openapi.json
            </a>
            .
          </Text>
        </section>
        {errors && (
          <section className={classes.section}>
            <Title order={2} size="h4">
              Errors
            </Title>
            <Text size="sm">
              Every refusal has a status, a code that programs can rely on, and a message for people.
            </Text>
            <SchemaView document={document} schema={errors} of="answer" />
          </section>
        )}
        <section className={classes.section}>
          <Title order={2} size="h4">
            Roles and permissions
          </Title>
          <Roles document={document} />
        </section>
      </div>
    </Page>
  );
}

function Roles({ document }: { document: Document }) {
  const roles = [
    ...Object.entries(document["x-key-roles"]).map(([role, held]) => ({
      name: `${roleName(role)} key`,
      held,
    })),
    ...Object.entries(document["x-person-roles"]).map(([role, held]) => ({
      name: personRoleName(role),
      held,
    })),
  ];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section className={classes.scroll} tabIndex={0} aria-label="Table of roles and permissions">
      <table className={classes.roles}>
        <thead>
          <tr>
            <th scope="col">Permission</th>
            {roles.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {document["x-permissions"].map((permission) => (
            <tr key={permission}>
              <th scope="row">
                <code>{permission}</code>
                {isPermission(permission) && <span>{permissionWords[permission]}</span>}
              </th>
              {roles.map(({ name, held }) => (
                <td key={name}>
                  {held.includes(permission) ? (
                    <CheckIcon
                      size={16}
                      aria-hidden={false}
                      role="img"
                      aria-label="yes"
                      className={classes.yes}
                    />
                  ) : (
                    <span className={classes.no}>no</span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
