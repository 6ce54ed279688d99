import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api } from "./client";
import type { components, operations } from "./schema";

export type AuditEntry = components["schemas"]["EntryBody"];
export type AuditQuery = NonNullable<operations["listAuditEntries"]["parameters"]["query"]>;

/** What the queries of the audit log begin with. */
export const AUDIT = ["audit"] as const;

export const auditQuery = (query: AuditQuery) =>
  queryOptions({
    queryKey: [...AUDIT, query],
    queryFn: async () => {
      const page = await answer(
        api.GET("/v2/audit", { params: { query }, headers: { accept: "application/json" } }),
      );
      // The same call answers CSV to who asks for it.
      return page as components["schemas"]["EntryPage"];
    },
    placeholderData: keepPreviousData,
  });

/** Where everything that fits is to be had as CSV: a link, so that a long log goes to the disk and not through the page. */
export function csvAddress(filters: AuditQuery): string {
  const given = Object.entries({ ...filters, format: "csv" }).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, String(one)]),
  );
  return `/v2/audit?${new URLSearchParams(given)}`;
}
