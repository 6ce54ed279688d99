import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api } from "./client";
import type { components, operations } from "./schema";

export type AuditEntry = components["schemas"]["EntryBody"];
export type AuditQuery = NonNullable<operations["listAuditEntries"]["parameters"]["query"]>;

export const auditQuery = (query: AuditQuery) =>
  queryOptions({
    queryKey: ["audit", query],
    queryFn: () => answer(api.GET("/v2/audit", { params: { query } })),
    placeholderData: keepPreviousData,
  });
