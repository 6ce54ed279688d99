import type { UserQuery } from "../../api/users";

export const PAGE_SIZE = 50;

/** What of the list of people stands in the address. */
export interface UserSearch {
  search?: string | undefined;
  state?: "active" | "deactivated" | undefined;
  /** From 1, as people count. */
  page?: number | undefined;
  size?: number | undefined;
  /** The dialog for a new person is open. */
  create?: boolean | undefined;
}

export function userSearch(raw: Record<string, unknown>): UserSearch {
  const number = (value: unknown, most: number) => {
    const read = Number(value);
    return Number.isInteger(read) && read >= 1 && read <= most ? read : undefined;
  };
  const read = {
    search: typeof raw.search === "string" && raw.search.trim() ? raw.search : undefined,
    state: (["active", "deactivated"] as const).find((state) => state === raw.state),
    page: number(raw.page, 1_000_000),
    size: number(raw.size, 1_000),
    create: raw.create === true || raw.create === "true" || undefined,
  };
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}

export const queryOf = ({ search, state, page = 1, size = PAGE_SIZE }: UserSearch): UserQuery => ({
  ...(search && { search }),
  ...(state && { active: state === "active" }),
  pageIndex: page - 1,
  pageSize: size,
});
