import { useParams } from "@tanstack/react-router";
import type { Place } from "../api/keys";
import type { Permission } from "../api/roles";
import { findProject, may, type Project, type Session, useSession } from "../api/session";

export interface Here {
  session: Session;
  project: Project;
  /** What calls about this project take. */
  place: Place;
  /** The address that this project's pages are below. */
  base: string;
  /** The same for links: `<Link to="/orgs/$org/projects/$project/…" params={here.params}>`. */
  params: { org: string; project: string };
  /** Whether the person may do it here. */
  may: (permission: Permission) => boolean;
  /** Whether the person may do it with what belongs to the account. */
  mayAtAccount: (permission: Permission) => boolean;
}

export const baseOf = (project: Project): string =>
  `/orgs/${encodeURIComponent(project.orgIdentifier)}/projects/${encodeURIComponent(project.projectIdentifier)}`;

/** The project that the address names, and what the person may do in it. */
export function useHere(): Here {
  const session = useSession();
  const { org, project: name } = useParams({ from: "/orgs/$org/projects/$project" });
  const project = findProject(session, org, name);
  if (!project) throw new Error("the frame shows pages of visible projects only");
  return {
    session,
    project,
    place: { orgIdentifier: project.orgIdentifier, projectIdentifier: project.projectIdentifier },
    base: baseOf(project),
    params: { org: project.orgIdentifier, project: project.projectIdentifier },
    may: (permission) => may(session, permission, project),
    mayAtAccount: (permission) => may(session, permission),
  };
}

const REMEMBERED = "sextant.project";

/** The project to begin with: the one of last time, while it is visible. */
export function firstProject(session: Session): Project | undefined {
  const remembered = localStorage.getItem(REMEMBERED);
  return session.projects.find((project) => baseOf(project) === remembered) ?? session.projects[0];
}

export const rememberProject = (project: Project): void => localStorage.setItem(REMEMBERED, baseOf(project));
