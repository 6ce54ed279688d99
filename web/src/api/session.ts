import { queryOptions, useQuery } from "@tanstack/react-query";
import { ApiError, answer, api, queryClient, SESSION } from "./client";
import type { Permission } from "./roles";
import type { components } from "./schema";

export type Session = components["schemas"]["SessionBody"];
export type Project = components["schemas"]["VisibleProject"];

/** Who is signed in; `null` where nobody is. */
export const sessionQuery = queryOptions<Session | null>({
  queryKey: SESSION,
  queryFn: async () => {
    try {
      return await answer(api.GET("/v1/session"));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

/** A session has begun: nothing of another one may be left. */
export function begin(session: Session): void {
  queryClient.clear();
  queryClient.setQueryData(SESSION, session);
}

/** The session has ended. */
export function end(): void {
  queryClient.clear();
  queryClient.setQueryData(SESSION, null);
}

export function useSession(): Session {
  const { data } = useQuery(sessionQuery);
  if (!data) throw new Error("this part of the console needs a session");
  return data;
}

export function findProject(session: Session, org: string, project: string): Project | undefined {
  return session.projects.find((one) => one.orgIdentifier === org && one.projectIdentifier === project);
}

/** Whether the person may do it in the project; without one, with what belongs to the account. */
export function may(session: Session, permission: Permission, project?: Project): boolean {
  return (project ? project.permissions : session.permissions).includes(permission);
}
