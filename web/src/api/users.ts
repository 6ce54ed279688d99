import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { AUDIT } from "./audit";
import { answer, api, queryClient, SESSION } from "./client";
import type { components, operations } from "./schema";

export type User = components["schemas"]["UserBody"];
export type RoleBinding = components["schemas"]["RoleBody"];
export type CreateUser = components["schemas"]["CreateUserBody"];
export type PatchUser = components["schemas"]["PatchUserBody"];
export type SessionEntry = components["schemas"]["SessionEntryBody"];
export type UserQuery = NonNullable<operations["listUsers"]["parameters"]["query"]>;
type OneUser = components["schemas"]["OneUser"];

const USERS = ["users"] as const;
const OWN_SESSIONS = ["own sessions"] as const;

export const usersQuery = (query: UserQuery) =>
  queryOptions({
    queryKey: [...USERS, "list", query],
    queryFn: () => answer(api.GET("/v1/users", { params: { query } })),
    placeholderData: keepPreviousData,
  });

export const userQuery = (id: string) =>
  queryOptions({
    queryKey: [...USERS, "one", id],
    queryFn: () => readUser(id),
  });

const readUser = async (id: string): Promise<User> =>
  (await answer(api.GET("/v1/users/{id}", { params: { path: { id } } }))).user;

export const organizationsQuery = queryOptions({
  queryKey: ["organizations"],
  queryFn: async () => (await answer(api.GET("/v1/orgs"))).orgs,
});

interface Window {
  pageIndex: number;
  pageSize: number;
}

/** Where a person is signed in; oneself without an id. */
export const sessionsQuery = (id: string | undefined, query: Window) =>
  queryOptions({
    queryKey: id ? [...USERS, "sessions", id, query] : [...OWN_SESSIONS, query],
    queryFn: () =>
      answer(
        id
          ? api.GET("/v1/users/{id}/sessions", { params: { path: { id }, query } })
          : api.GET("/v1/sessions", { params: { query } }),
      ),
    placeholderData: keepPreviousData,
  });

/** Everything that is shown about people is asked for again; what one may do oneself may be another thing now. */
export function refreshUsers(): Promise<unknown> {
  return Promise.all(
    [USERS, OWN_SESSIONS, AUDIT, SESSION].map((queryKey) => queryClient.invalidateQueries({ queryKey })),
  );
}

/** The same after a person is gone: about them there is nothing to ask any more. */
export function forgetUser(id: string): Promise<unknown> {
  queryClient.cancelQueries({ queryKey: USERS, predicate: ({ queryKey }) => queryKey.includes(id) });
  return queryClient.invalidateQueries({
    queryKey: USERS,
    predicate: ({ queryKey }) => !queryKey.includes(id),
  });
}

// These change something, and two of them answer a one-time link. Their answers never enter the cache of answers.

export const createUser = (body: CreateUser): Promise<OneUser> => answer(api.POST("/v1/users", { body }));

export const patchUser = (id: string, body: PatchUser): Promise<OneUser> =>
  answer(api.PATCH("/v1/users/{id}", { params: { path: { id } }, body }));

/** The API takes all roles at once: they are read again before, so that another's change in between is not undone. */
export async function changeRoles(
  id: string,
  change: (roles: RoleBinding[]) => RoleBinding[],
): Promise<OneUser> {
  const { roles } = await readUser(id);
  return patchUser(id, { roles: change(roles) });
}

export const deleteUser = (id: string): Promise<unknown> =>
  answer(api.DELETE("/v1/users/{id}", { params: { path: { id } } }));

/** Ends one session, of a person or without an id of oneself. */
export const endSession = (id: string | undefined, sessionId: string): Promise<unknown> =>
  answer(
    id
      ? api.DELETE("/v1/users/{id}/sessions/{sessionId}", { params: { path: { id, sessionId } } })
      : api.DELETE("/v1/sessions/{id}", { params: { path: { id: sessionId } } }),
  );

export const endAllSessions = (id: string): Promise<unknown> =>
  answer(api.DELETE("/v1/users/{id}/sessions", { params: { path: { id } } }));

/** Ends all of one's own sessions but this one. */
export async function endOtherSessions(): Promise<void> {
  const { sessions } = await answer(api.GET("/v1/sessions", { params: { query: { pageSize: 1000 } } }));
  for (const { id, current } of sessions) if (!current) await endSession(undefined, id);
}
