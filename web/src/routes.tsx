import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { queryClient } from "./api/client";
import { sessionQuery } from "./api/session";
import { Frame } from "./frame/Frame";
import { baseOf, firstProject } from "./frame/place";
import { auditSearch } from "./pages/audit/search";
import { keySearch, usageSearch } from "./pages/keys/search";
import { NoRole } from "./pages/NoRole";
import { Overview } from "./pages/Overview";
import { SetUp } from "./pages/SetUp";
import { SignIn } from "./pages/SignIn";
import { userSearch } from "./pages/users/search";
import { FailurePage, NotFoundPage } from "./ui/states";

// The token opens an installation: it is taken out of the address before anything else runs.
const setUpToken = takeSetUpToken();

function takeSetUpToken(): string | undefined {
  if (location.pathname !== "/setup") return undefined;
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? undefined;
  history.replaceState(null, "", location.pathname);
  return token;
}

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFoundPage });

const session = () => queryClient.ensureQueryData(sessionQuery);

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: async () => {
    const who = await session();
    if (!who) throw redirect({ to: "/sign-in" });
    const project = firstProject(who);
    if (project) throw redirect({ to: baseOf(project), replace: true });
  },
  component: NoRole,
});

/** A page of ours to go on with; an address of another host is none. */
const local = (next: unknown) => (typeof next === "string" && /^\/(?![/\\])/.test(next) ? next : undefined);

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { next?: string } => {
    const next = local(search.next);
    return next ? { next } : {};
  },
  component: SignIn,
});

const setUp = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: () => <SetUp token={setUpToken} />,
});

const project = createRoute({
  getParentRoute: () => root,
  path: "/orgs/$org/projects/$project",
  beforeLoad: async ({ location }) => {
    if (!(await session())) throw redirect({ to: "/sign-in", search: { next: location.href } });
  },
  component: Frame,
});

const overview = createRoute({ getParentRoute: () => project, path: "/", component: Overview });

const keys = createRoute({
  getParentRoute: () => project,
  path: "settings/api-keys",
  validateSearch: keySearch,
  component: lazyRouteComponent(() => import("./pages/keys/KeysPage"), "KeysPage"),
});

const key = createRoute({
  getParentRoute: () => project,
  path: "settings/api-keys/$id",
  validateSearch: usageSearch,
  component: lazyRouteComponent(() => import("./pages/keys/KeyPage"), "KeyPage"),
});

const docs = createRoute({
  getParentRoute: () => root,
  path: "/docs",
  validateSearch: (search: Record<string, unknown>): { q?: string } =>
    typeof search.q === "string" && search.q ? { q: search.q } : {},
  component: lazyRouteComponent(() => import("./pages/docs/DocsPage"), "DocsPage"),
});

const call = createRoute({ getParentRoute: () => docs, path: "$operation" });

const activity = createRoute({
  getParentRoute: () => project,
  path: "settings/activity",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("./pages/audit/AuditPage"), "AuditPage"),
});

const users = createRoute({
  getParentRoute: () => project,
  path: "settings/users",
  validateSearch: userSearch,
  component: lazyRouteComponent(() => import("./pages/users/UsersPage"), "UsersPage"),
});

const user = createRoute({
  getParentRoute: () => project,
  path: "settings/users/$id",
  component: lazyRouteComponent(() => import("./pages/users/UserPage"), "UserPage"),
});

const account = createRoute({
  getParentRoute: () => project,
  path: "account",
  component: lazyRouteComponent(() => import("./pages/account/AccountPage"), "AccountPage"),
});

const routeTree = root.addChildren([
  home,
  signIn,
  setUp,
  docs.addChildren([call]),
  project.addChildren([overview, keys, key, activity, users, user, account]),
]);

export const router = createRouter({
  routeTree,
  // Plain words in the address: `?role=ADMIN&page=2`.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
    const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return text ? `?${text}` : "";
  },
  defaultErrorComponent: FailurePage,
  defaultPreload: "intent",
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
