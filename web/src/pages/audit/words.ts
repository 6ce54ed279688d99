import type { AuditEntry } from "../../api/audit";

const TYPES: Record<string, string> = { API_ACCESS_KEY: "API key", USER_LOGIN: "Sign-in" };

/** What happened to a thing on whose own page it is told; a person also signs in. */
export const eventName = ({ type, action }: AuditEntry): string =>
  type === "USER_LOGIN" || type === "ACCESS" ? plain(`${plain(type)} ${action}`) : plain(action);

/** A word of the wire as people read it: `PASSWORD_RESET_STARTED` is `Password reset started`. */
export function plain(word: string): string {
  const text = TYPES[word] ?? word.toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
