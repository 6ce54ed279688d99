import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "./client";

/** What the pages of `/docs` show of a schema of the server's OpenAPI document. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  example?: unknown;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  description?: string;
  required?: boolean;
  schema?: Schema;
}

export interface Media {
  schema?: Schema;
  example?: unknown;
}

interface OperationObject {
  operationId: string;
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Media>; required?: boolean };
  responses: Record<string, { description?: string; content?: Record<string, Media> }>;
  security?: Record<string, unknown>[];
  "x-permission"?: string;
}

/** The server's own description of its API. */
export interface Document {
  info: { title: string; version: string; description?: string };
  servers?: { url: string }[];
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, OperationObject>>;
  components: { schemas: Record<string, Schema> };
  "x-permissions": string[];
  "x-key-roles": Record<string, string[]>;
  "x-person-roles": Record<string, string[]>;
}

export interface Operation extends OperationObject {
  method: string;
  path: string;
  tag: string;
  /** The first sentence of what the document says about it, and the others. */
  title: string;
  more: string;
  takesKey: boolean;
}

export const documentQuery = queryOptions({
  queryKey: ["document"],
  queryFn: async () => (await answer(api.GET("/openapi.json"))) as unknown as Document,
  staleTime: Number.POSITIVE_INFINITY,
});

/** Every operation, in the order of the document's groups. */
export function operationsOf(document: Document): Operation[] {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): Operation => {
      const said = [operation.summary, operation.description].filter(Boolean).join(" ");
      const [, title = said, more = ""] = /^(.*?)\.(?:\s+(.*))?$/s.exec(said) ?? [];
      return {
        ...operation,
        method: method.toUpperCase(),
        path,
        tag: operation.tags?.[0] ?? "Others",
        title: title || path,
        more,
        takesKey: operation.security?.some((one) => "apiKey" in one) ?? false,
      };
    }),
  );
  const groups = groupsOf(document, all);
  return groups.flatMap((group) => all.filter(({ tag }) => tag === group.name));
}

/** The groups in the document's order, then those that it does not describe. */
export function groupsOf(document: Document, operations: readonly Operation[]) {
  const described = document.tags ?? [];
  const others = new Set(operations.map(({ tag }) => tag));
  for (const { name } of described) others.delete(name);
  return [...described, ...[...others].map((name) => ({ name, description: "" }))];
}

/** The schema itself, where this only names one; with the name. What is said beside the name goes before. */
export function follow(document: Document, schema: Schema): { schema: Schema; name?: string } {
  const name = schema.$ref?.split("/").pop();
  const target = name === undefined ? undefined : document.components.schemas[name];
  if (name === undefined || !target) return { schema };
  const { $ref, ...beside } = schema;
  return { schema: { ...target, ...beside }, name };
}

export const typesOf = ({ type }: Schema): string[] => (Array.isArray(type) ? type : type ? [type] : []);

const HINTS: [RegExp, unknown][] = [
  [/email/i, "ada@example.com"],
  [/^(org|project)Identifier$/, "default"],
  [/^(id|subjectId)$/, "7hT4kQz1Lm0x"],
  [/address$/i, "10.1.2.3"],
  [/password/i, "a long password"],
];

/** A value that fits the schema. `least`: only what must be there. */
export function example(
  document: Document,
  given: Schema,
  least = false,
  name = "",
  seen: readonly string[] = [],
): unknown {
  const { schema, name: reference } = follow(document, given);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (reference && seen.includes(reference)) return {};
  const inner = reference ? [...seen, reference] : seen;
  if (schema.oneOf?.[0]) return example(document, schema.oneOf[0], least, name, inner);
  const types = typesOf(schema);
  if (schema.properties) {
    const fields = Object.entries(schema.properties).filter(
      ([field]) => !least || schema.required?.includes(field),
    );
    // A change without a single field would show nothing.
    if (least && fields.length === 0) fields.push(...firstPlain(schema.properties));
    return Object.fromEntries(
      fields.map(([field, value]) => [field, example(document, value, least, field, inner)]),
    );
  }
  if (types.includes("array")) return schema.items ? [example(document, schema.items, least, "", inner)] : [];
  if (types.includes("integer") || types.includes("number")) return Math.max(1, schema.minimum ?? 1);
  if (types.includes("boolean")) return true;
  if (types.includes("object") || types.length === 0) return {};
  if (schema.format === "date-time") return "2027-01-31T09:00:00Z";
  return HINTS.find(([pattern]) => pattern.test(name))?.[1] ?? "…";
}

function firstPlain(properties: Record<string, Schema>): [string, Schema][] {
  return Object.entries(properties)
    .filter(([, field]) => field.default !== null && !typesOf(field).some((type) => type === "array"))
    .slice(0, 1);
}
