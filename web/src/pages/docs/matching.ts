import { type Document, follow, type Operation } from "../../api/document";
import { isPermission, permissionWords } from "../../api/words";

/** The operations in which every word of the search is: in path, text, permission, parameters or fields of the body. */
export function matching(
  document: Document | undefined,
  operations: readonly Operation[],
  search: string,
): Operation[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!document || words.length === 0) return [...operations];
  return operations.filter((operation) => {
    const text = textOf(document, operation);
    return words.every((word) => text.includes(word));
  });
}

function textOf(document: Document, operation: Operation): string {
  const permission = operation["x-permission"] ?? "";
  const bodies = Object.values(operation.requestBody?.content ?? {});
  return [
    operation.method,
    operation.path,
    operation.operationId,
    operation.tag,
    operation.title,
    operation.more,
    permission,
    isPermission(permission) ? permissionWords[permission] : "",
    ...(operation.parameters ?? []).flatMap(({ name, description }) => [name, description]),
    ...bodies.flatMap(({ schema }) => Object.keys(follow(document, schema ?? {}).schema.properties ?? {})),
  ]
    .join(" ")
    .toLowerCase();
}
