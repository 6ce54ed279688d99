import { type Document, example, type Operation, type Parameter } from "../../api/document";

/** What was filled in for one call. */
export interface Filled {
  /** By `nameOf`. */
  values: Readonly<Record<string, string>>;
  body: string;
  /** The media type to be answered; empty: whatever the server answers first. */
  accept: string;
}

export const nameOf = (parameter: Parameter): string => `${parameter.in} ${parameter.name}`;

/** The media type of the body; `undefined` where the call has none. */
export const bodyKind = ({ requestBody }: Operation): string | undefined =>
  requestBody && Object.keys(requestBody.content)[0];

export const isForm = (kind: string | undefined): boolean => kind === "multipart/form-data";

/** The media types among which the caller can choose. */
export function answerKinds({ responses }: Operation): string[] {
  const [, success] = Object.entries(responses).find(([status]) => status.startsWith("2")) ?? [];
  return Object.keys(success?.content ?? {});
}

/** A body with what must be in it, to begin with. */
export function firstBody(document: Document, operation: Operation): string {
  const kind = bodyKind(operation);
  const media = kind && operation.requestBody?.content[kind];
  if (!media || isForm(kind)) return "";
  return JSON.stringify(media.example ?? example(document, media.schema ?? {}, true), null, 2);
}

/** The call's address below the server. What is not filled in stays as the document writes it. */
export function addressOf(operation: Operation, { values }: Filled): string {
  const query = new URLSearchParams();
  let path = operation.path;
  for (const parameter of operation.parameters ?? []) {
    const value = values[nameOf(parameter)]?.trim();
    if (!value) continue;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in === "query") query.append(parameter.name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The headers, without the key. */
export function headersOf(operation: Operation, { values, accept }: Filled): [string, string][] {
  const headers: [string, string][] = [];
  const kind = bodyKind(operation);
  // The boundary of a form is the browser's to say.
  if (kind && !isForm(kind)) headers.push(["content-type", kind]);
  if (accept) headers.push(["accept", accept]);
  for (const parameter of operation.parameters ?? []) {
    const value = values[nameOf(parameter)]?.trim();
    if (parameter.in === "header" && value) headers.push([parameter.name, value]);
  }
  return headers;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The same call for a terminal. The key is named, never written out. */
export function curlOf(operation: Operation, filled: Filled): string {
  const { method } = operation;
  const lines = [
    `curl ${method === "GET" ? "" : `-X ${method} `}${quoted(location.origin + addressOf(operation, filled))}`,
  ];
  if (operation.takesKey) lines.push('-H "x-api-key: $SEXTANT_API_KEY"');
  for (const [name, value] of headersOf(operation, filled)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  const kind = bodyKind(operation);
  if (isForm(kind)) lines.push("-F 'file=@developers.csv'");
  else if (kind && filled.body) lines.push(`-d ${quoted(oneLine(filled.body))}`);
  return lines.join(" \\\n  ");
}

function oneLine(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body;
  }
}
