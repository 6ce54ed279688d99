import { ActionIcon, Drawer, NavLink, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useParams, useRouter } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { findProject, type Session, sessionQuery } from "../api/session";
import icon from "../icon.svg";
import { STILL } from "../ui/Dialog";
import { MenuIcon } from "../ui/icons";
import { TextLink } from "../ui/links";
import { Empty } from "../ui/states";
import classes from "./Frame.module.css";
import { navigation } from "./navigation";
import { ProjectSwitcher } from "./ProjectSwitcher";
import { rememberProject, useHere } from "./place";
import { UserMenu } from "./UserMenu";

/** What every page of a project stands in: the bar at the top, the menu, the page. */
export function Frame() {
  const { data: session } = useQuery(sessionQuery);
  const { org, project: name } = useParams({ from: "/orgs/$org/projects/$project" });
  // The session can end while a page is open: its next call is refused.
  if (!session) return <ToSignIn />;
  const project = findProject(session, org, name);
  if (!project) return <NoProject session={session} name={`${org} / ${name}`} />;
  return <Framed />;
}

/** Leads to the sign-in page, and from there back. */
function ToSignIn() {
  const router = useRouter();
  useEffect(() => {
    // Read here and once: while the page changes, the address is the sign-in page's already.
    const { href, pathname } = router.latestLocation;
    if (pathname !== "/sign-in") router.navigate({ to: "/sign-in", search: { next: href }, replace: true });
  }, [router]);
  return null;
}

function Framed() {
  const here = useHere();
  const { pathname } = useLocation();
  const [menu, setMenu] = useState(false);
  const main = useRef<HTMLElement>(null);
  const before = useRef(pathname);
  useEffect(() => rememberProject(here.project), [here.project]);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    setMenu(false);
    // Who reads by ear or keyboard begins at the new page, not where the old one's link was.
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
  return (
    <>
      <a className={classes.skip} href="#main">
        Skip to the page
      </a>
      <header className={classes.header}>
        <ActionIcon
          className={classes.burger ?? ""}
          variant="subtle"
          color="gray"
          size="lg"
          aria-label="Menu"
          aria-expanded={menu}
          onClick={() => setMenu(true)}
        >
          <MenuIcon />
        </ActionIcon>
        <Link to="/" className={classes.brand}>
          <img src={icon} width={26} height={26} alt="" />
          Sextant
        </Link>
        <UserMenu session={here.session} here={here.params} />
      </header>
      <div className={classes.body}>
        <nav className={classes.side} aria-label="Main">
          <Menu />
        </nav>
        <main id="main" ref={main} tabIndex={-1} className={classes.main}>
          <Outlet />
        </main>
      </div>
      <Drawer.Root opened={menu} onClose={() => setMenu(false)} size="19rem" {...STILL}>
        <Drawer.Overlay />
        <Drawer.Content aria-label="Menu">
          <div className={classes.close}>
            <Drawer.CloseButton aria-label="Close the menu" />
          </div>
          <Drawer.Body>
            <nav aria-label="Main">
              <Menu />
            </nav>
          </Drawer.Body>
        </Drawer.Content>
      </Drawer.Root>
    </>
  );
}

function Menu() {
  const here = useHere();
  const { pathname } = useLocation();
  const offered = navigation
    .map((group) => ({
      ...group,
      entries: group.entries.filter(
        ({ permission, account }) =>
          !permission || (account ? here.mayAtAccount(permission) : here.may(permission)),
      ),
    }))
    .filter((group) => group.entries.length > 0);
  return (
    <>
      <ProjectSwitcher />
      {offered.map((group) => (
        <div key={group.label ?? ""} className={classes.group}>
          {group.label && (
            <Text component="h2" className={classes.label}>
              {group.label}
              {group.below && <span className={classes.below}>{group.below}</span>}
            </Text>
          )}
          <ul className={classes.entries}>
            {group.entries.map(({ label, icon: Icon, path, whole }) => {
              const to = whole ? path : [here.base, path].filter(Boolean).join("/");
              const active = path === "" ? pathname === to : pathname === to || pathname.startsWith(`${to}/`);
              const shared = {
                label,
                leftSection: <Icon size={18} />,
                active,
                className: classes.entry ?? "",
                "aria-current": active ? ("page" as const) : undefined,
              };
              return (
                <li key={path}>
                  <NavLink component={Link} to={to} activeOptions={{ exact: true }} {...shared} />
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </>
  );
}

/** The address names a project that is not there, or not for this person. */
function NoProject({ session, name }: { session: Session; name: string }) {
  return (
    <>
      <header className={classes.header}>
        <Link to="/" className={classes.brand}>
          <img src={icon} width={26} height={26} alt="" />
          Sextant
        </Link>
        <UserMenu session={session} />
      </header>
      <main className={classes.alone}>
        <Empty level={1} title={`There is no project ${name} for you`}>
          It may not exist, or nobody has given you a role in it.{" "}
          <TextLink to="/" underline="always">
            Go to a project of yours
          </TextLink>
          , or ask someone who manages users.
        </Empty>
      </main>
    </>
  );
}
