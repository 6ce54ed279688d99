import type { KeyQuery } from "../../api/keys";
import type { Sort } from "../../ui/DataTable";

const ROLES = ["INGESTION", "ADMIN"] as const;
const STATUSES = ["ACTIVE", "DISABLED", "EXPIRED"] as const;
const SORTS = ["name", "role", "createdAt", "expiresAt", "lastUsedAt", "requestCount"] as const;

export const PAGE_SIZE = 50;

/** What of the list stands in the address; what is as it is by default does not. */
export interface KeySearch {
  search?: string | undefined;
  role?: (typeof ROLES)[number] | undefined;
  status?: (typeof STATUSES)[number] | undefined;
  unusedForDays?: number | undefined;
  expiringWithinDays?: number | undefined;
  sort?: (typeof SORTS)[number] | undefined;
  order?: "asc" | "desc" | undefined;
  /** From 1, as people count. */
  page?: number | undefined;
  size?: number | undefined;
  /** The dialog for a new key is open. */
  create?: boolean | undefined;
}

export function keySearch(raw: Record<string, unknown>): KeySearch {
  const one = <T extends string>(value: unknown, known: readonly T[]): T | undefined =>
    known.find((each) => each === value);
  const number = (value: unknown, most: number) => {
    const read = Number(value);
    return value !== undefined && value !== "" && Number.isInteger(read) && read >= 1 && read <= most
      ? read
      : undefined;
  };
  const read = {
    search: typeof raw.search === "string" && raw.search.trim() ? raw.search : undefined,
    role: one(raw.role, ROLES),
    status: one(raw.status, STATUSES),
    unusedForDays: number(raw.unusedForDays, 36_500),
    expiringWithinDays: number(raw.expiringWithinDays, 36_500),
    sort: one(raw.sort, SORTS),
    order: one(raw.order, ["asc", "desc"] as const),
    page: number(raw.page, 1_000_000),
    size: number(raw.size, 1_000),
    create: raw.create === true || raw.create === "true" || undefined,
  };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}

/** How the list is sorted: newest first where nothing else was asked for. */
export const sortOf = (search: KeySearch): Sort => ({
  key: search.sort ?? "createdAt",
  descending: search.order ? search.order === "desc" : (search.sort ?? "createdAt") === "createdAt",
});

export function queryOf(search: KeySearch): KeyQuery {
  const { role, status, unusedForDays, expiringWithinDays } = search;
  const sort = sortOf(search);
  return {
    ...(search.search && { search: search.search }),
    ...(role && { role }),
    ...(status && { status }),
    ...(unusedForDays && { unusedForDays }),
    ...(expiringWithinDays && { expiringWithinDays }),
    sortKey: sort.key,
    sortOrder: sort.descending ? "desc" : "asc",
    pageIndex: (search.page ?? 1) - 1,
    pageSize: search.size ?? PAGE_SIZE,
  };
}

export const isFiltered = (search: KeySearch): boolean =>
  Boolean(search.search || search.role || search.status || search.unusedForDays || search.expiringWithinDays);

/** Over how many days a key's requests are shown. */
export const SPANS = [1, 7, 30, 90] as const;

export function usageSearch(raw: Record<string, unknown>): { days?: number } {
  const days = SPANS.find((span) => String(span) === String(raw.days));
  return days ? { days } : {};
}
