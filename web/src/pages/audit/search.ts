import type { AuditQuery } from "../../api/audit";
import { auditActions, auditTypes } from "../../api/audit-words";
import type { Place } from "../../api/keys";

type Type = (typeof auditTypes)[number];
type Action = (typeof auditActions)[number];

export const PAGE_SIZE = 50;

/** What of the log stands in the address; lists are joined by commas, as the API takes them. */
export interface AuditSearch {
  /** `project`: of this project only. Without it everything that the person may see. */
  of?: "project" | undefined;
  /** People's e-mail addresses or names of keys. */
  who?: string | undefined;
  type?: string | undefined;
  action?: string | undefined;
  subject?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  /** From 1, as people count. */
  page?: number | undefined;
  size?: number | undefined;
}

const listed = (text: string | undefined): string[] =>
  (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

export function auditSearch(raw: Record<string, unknown>): AuditSearch {
  const text = (value: unknown) => (typeof value === "string" && value.trim() ? value.trim() : undefined);
  const known = (value: unknown, words: readonly string[]) =>
    listed(text(value))
      .filter((word) => words.includes(word))
      .join(",") || undefined;
  const moment = (value: unknown) => {
    const at = Date.parse(text(value) ?? "");
    return Number.isNaN(at) ? undefined : new Date(at).toISOString();
  };
  const number = (value: unknown, most: number) => {
    const read = Number(value);
    return Number.isInteger(read) && read >= 1 && read <= most ? read : undefined;
  };
  const read = {
    of: raw.of === "project" ? ("project" as const) : undefined,
    who: text(raw.who),
    type: known(raw.type, auditTypes),
    action: known(raw.action, auditActions),
    subject: text(raw.subject),
    from: moment(raw.from),
    to: moment(raw.to),
    page: number(raw.page, 1_000_000),
    size: number(raw.size, 1_000),
  };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}

/** The filters as the API takes them, without the page. */
export function filtersOf(search: AuditSearch, place: Place): AuditQuery {
  const email = listed(search.who);
  const type = listed(search.type) as Type[];
  const action = listed(search.action) as Action[];
  return {
    ...(search.of && place),
    ...(email.length > 0 && { email }),
    ...(type.length > 0 && { type }),
    ...(action.length > 0 && { action }),
    ...(search.subject && { subjectId: search.subject }),
    ...(search.from && { from: search.from }),
    ...(search.to && { to: search.to }),
  };
}

export const queryOf = (search: AuditSearch, place: Place): AuditQuery => ({
  ...filtersOf(search, place),
  pageIndex: (search.page ?? 1) - 1,
  pageSize: search.size ?? PAGE_SIZE,
});

export const isFiltered = ({ who, type, action, subject, from, to }: AuditSearch): boolean =>
  Boolean(who || type || action || subject || from || to);

export const UNFILTERED = {
  who: undefined,
  type: undefined,
  action: undefined,
  subject: undefined,
  from: undefined,
  to: undefined,
} satisfies AuditSearch;
