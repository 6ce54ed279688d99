import type { Document } from "../../api/document";
import { personRoleWords, roleName } from "../../api/words";

/** A person's role by its name; one that this console does not know, as the document writes it. */
export const personRoleName = (role: string): string =>
  (personRoleWords as Record<string, string>)[role] ?? role;

/** Whose roles hold the permission. */
export function roleLabels(document: Document, permission: string) {
  const holding = (roles: Record<string, string[]>) =>
    Object.keys(roles).filter((role) => roles[role]?.includes(permission));
  return {
    keys: holding(document["x-key-roles"]).map(roleName),
    people: holding(document["x-person-roles"]).map(personRoleName),
  };
}
