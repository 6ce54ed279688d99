import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { AUDIT } from "./audit";
import { answer, api, queryClient } from "./client";
import type { components, operations } from "./schema";

export type ApiKey = components["schemas"]["ApiKey"];
export type MintedKey = components["schemas"]["MintedKey"];
export type CreateKey = components["schemas"]["CreateBody"];
export type PatchKey = components["schemas"]["PatchBody"];
export type RotateKey = components["schemas"]["RotateBody"];
export type KeyQuery = Omit<
  NonNullable<operations["listApiKeys"]["parameters"]["query"]>,
  "orgIdentifier" | "projectIdentifier"
>;

/** Where something is: the two names that every call about a project takes. */
export interface Place {
  orgIdentifier: string;
  projectIdentifier: string;
}

const below = (place: Place) => ["project", place.orgIdentifier, place.projectIdentifier, "keys"] as const;

export const keysQuery = (place: Place, query: KeyQuery) =>
  queryOptions({
    queryKey: [...below(place), "list", query],
    queryFn: () => answer(api.GET("/v2/api-keys", { params: { query: { ...place, ...query } } })),
    placeholderData: keepPreviousData,
  });

export const keyQuery = (place: Place, id: string) =>
  queryOptions({
    queryKey: [...below(place), "one", id],
    queryFn: async () =>
      (await answer(api.GET("/v2/api-keys/{id}", { params: { path: { id }, query: place } }))).apiKey,
  });

/** The requests of the last so many days. */
export const keyUsageQuery = (place: Place, id: string, days: number) =>
  queryOptions({
    queryKey: [...below(place), "usage", id, days],
    queryFn: async () => {
      const interval = days > 7 ? "DAY" : "HOUR";
      const from = new Date(Date.now() - days * 86_400_000).toISOString();
      const query = { ...place, interval, from };
      return answer(api.GET("/v2/api-keys/{id}/usage", { params: { path: { id }, query } }));
    },
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });

/** The keys that a key made. */
export const offspringQuery = (place: Place, id: string) =>
  keysQuery(place, { createdBy: id, pageSize: 100 });

/** Everything that is shown about the project's keys is asked for again, their history included. */
export function refreshKeys(place: Place): Promise<unknown> {
  const ours = queryClient.invalidateQueries({ queryKey: below(place) });
  return Promise.all([ours, queryClient.invalidateQueries({ queryKey: AUDIT })]);
}

/** The same after a key is gone: about itself there is nothing to ask any more. */
export function forgetKey(place: Place, id: string): Promise<unknown> {
  const isOfIt = ({ queryKey }: { queryKey: readonly unknown[] }) => queryKey.includes(id);
  queryClient.cancelQueries({ queryKey: below(place), predicate: isOfIt });
  const others = {
    queryKey: below(place),
    predicate: (query: { queryKey: readonly unknown[] }) => !isOfIt(query),
  };
  return queryClient.invalidateQueries(others);
}

// These answer a secret, or change something. Their answers never enter the cache of answers.

export const createKey = (place: Place, body: CreateKey): Promise<MintedKey> =>
  answer(api.POST("/v2/api-keys", { params: { query: place }, body }));

export const rotateKey = (place: Place, id: string, body: RotateKey): Promise<MintedKey> =>
  answer(api.POST("/v2/api-keys/{id}/rotate", { params: { path: { id }, query: place }, body }));

export const patchKey = async (place: Place, id: string, body: PatchKey): Promise<ApiKey> =>
  (await answer(api.PATCH("/v2/api-keys/{id}", { params: { path: { id }, query: place }, body }))).apiKey;

export const deleteKey = (place: Place, id: string): Promise<unknown> =>
  answer(api.DELETE("/v2/api-keys/{id}", { params: { path: { id }, query: place } }));
