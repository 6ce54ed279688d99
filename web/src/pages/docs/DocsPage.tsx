import { Button, Skeleton, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { type Document, documentQuery, groupsOf, type Operation, operationsOf } from "../../api/document";
import { ThemeSwitch } from "../../frame/ThemeSwitch";
import icon from "../../icon.svg";
import { SearchIcon } from "../../ui/icons";
import { ButtonLink, TextLink } from "../../ui/links";
import { usePageTitle } from "../../ui/Page";
import { Empty, Failure } from "../../ui/states";
import classes from "./Docs.module.css";
import { Guide } from "./Guide";
import { type HeldKey, HeldKeyContext } from "./held";
import { Method } from "./Method";
import { matching } from "./matching";
import { OperationPage } from "./OperationPage";

/** The page about what all calls have in common; no operation has this name. */
const GUIDE = "guide";

/** The API's documentation, from the server's own description of it. Nobody needs to be signed in. */
export function DocsPage() {
  usePageTitle("API documentation");
  const { data, error, refetch } = useQuery(documentQuery);
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  const before = useRef(pathname);
  const held: HeldKey = useRef("");
  const [wiped, setWiped] = useState(0);
  useEffect(() => {
    // A browser may keep a whole page to show it again on the way back. Not with a key on it, nor with what it opened.
    const leave = () => {
      held.current = "";
      flushSync(() => setWiped((times) => times + 1));
    };
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      held.current = "";
    };
  }, []);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
  return (
    <HeldKeyContext value={held}>
      <a className={classes.skip} href="#main">
        Skip to the page
      </a>
      <header className={classes.header}>
        <Link to="/docs" className={classes.brand}>
          <img src={icon} width={26} height={26} alt="" />
          <span>
            Sextant <span className={classes.sub}>API</span>
          </span>
        </Link>
        <ButtonLink to="/" variant="default" size="xs">
          To the console
        </ButtonLink>
        <ThemeSwitch />
      </header>
      {error && !data ? (
        <main id="main" className={classes.alone}>
          <Failure error={error} retry={() => refetch()} />
        </main>
      ) : (
        <Body key={wiped} document={data} main={main} />
      )}
    </HeldKeyContext>
  );
}

function Body({
  document,
  main,
}: {
  document: Document | undefined;
  main: React.RefObject<HTMLElement | null>;
}) {
  const { operation: id } = useParams({ strict: false });
  const operations = useMemo(() => (document ? operationsOf(document) : []), [document]);
  const operation = operations.find(({ operationId }) => operationId === id);
  const { q } = useSearch({ from: "/docs" });
  const above = (
    <TextLink to="/docs" search={q ? { q } : {}} className={classes.back ?? ""} size="sm">
      ← All calls
    </TextLink>
  );
  return (
    <div className={classes.body}>
      <nav className={classes.side} aria-label="Calls" data-behind={id !== undefined || undefined}>
        <List document={document} operations={operations} current={id} />
      </nav>
      <main id="main" ref={main} tabIndex={-1} className={classes.main}>
        {!document ? (
          <Waiting />
        ) : operation ? (
          <OperationPage
            key={operation.operationId}
            document={document}
            operation={operation}
            above={above}
          />
        ) : id === undefined || id === GUIDE ? (
          <Guide document={document} above={above} />
        ) : (
          <Empty
            level={1}
            title={`There is no call ${id}`}
            action={<ButtonLink to="/docs">To the documentation</ButtonLink>}
          >
            It may have another name in this version of the server.
          </Empty>
        )}
      </main>
    </div>
  );
}

function Waiting() {
  return (
    <Stack aria-busy="true">
      <Skeleton height="2rem" width="40%" />
      <Skeleton height="1rem" width="70%" />
      <Skeleton height="14rem" />
    </Stack>
  );
}

function List({
  document,
  operations,
  current,
}: {
  document: Document | undefined;
  operations: readonly Operation[];
  current: string | undefined;
}) {
  const { q: inAddress = "" } = useSearch({ from: "/docs" });
  const [q, setText] = useState(inAddress);
  const written = useRef(inAddress);
  const navigate = useNavigate();
  const active = useRef<HTMLAnchorElement>(null);
  const found = useMemo(() => matching(document, operations, q), [document, operations, q]);
  const search = q ? { q } : {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: when another one is current, or all of them have come
  useEffect(() => {
    active.current?.scrollIntoView({ block: "nearest" });
  }, [current, operations]);
  useEffect(() => {
    // The address follows the field a little later; only what came from elsewhere, the way back, goes into the field.
    if (inAddress === written.current) return;
    written.current = inAddress;
    setText(inAddress);
  }, [inAddress]);
  const write = (text: string) => {
    setText(text);
    written.current = text;
    navigate({ to: ".", search: text ? { q: text } : {}, replace: true });
  };
  return (
    <>
      <search className={classes.search}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const [first] = found;
            if (first && q)
              navigate({ to: "/docs/$operation", params: { operation: first.operationId }, search });
          }}
        >
          <TextInput
            type="search"
            aria-label="Search the calls"
            placeholder="Path, words or permission"
            leftSection={<SearchIcon size={16} />}
            autoComplete="off"
            value={q}
            onChange={(event) => write(event.currentTarget.value)}
          />
        </form>
      </search>
      <p className={classes.count} role="status">
        {q && `${found.length} of ${operations.length} calls`}
      </p>
      <div className={classes.list}>
        {!document && <Skeleton height="60vh" />}
        {document && !q && (
          <Link
            to="/docs/$operation"
            params={{ operation: GUIDE }}
            className={classes.entry}
            data-current={current === undefined || current === GUIDE || undefined}
            aria-current={current === undefined || current === GUIDE ? "page" : undefined}
          >
            How to use the API
          </Link>
        )}
        {document &&
          groupsOf(document, operations).map((group) => {
            const entries = found.filter(({ tag }) => tag === group.name);
            if (entries.length === 0) return null;
            return (
              <div key={group.name} className={classes.group}>
                <h2 className={classes.label}>
                  {group.name}
                  {group.description && <span>{group.description}</span>}
                </h2>
                <ul>
                  {entries.map((operation) => {
                    const isCurrent = operation.operationId === current;
                    return (
                      <li key={operation.operationId}>
                        <Link
                          ref={isCurrent ? active : undefined}
                          to="/docs/$operation"
                          params={{ operation: operation.operationId }}
                          search={search}
                          className={classes.entry}
                          data-current={isCurrent || undefined}
                          aria-current={isCurrent ? "page" : undefined}
                        >
                          <span>{operation.title.replaceAll("`", "")}</span>
                          <span className={classes.path}>
                            <Method of={operation.method} /> <code>{operation.path}</code>
                          </span>
                        </Link>
                      </li>
                    );
                  })}
                </ul>
              </div>
            );
          })}
        {document && q && found.length === 0 && (
          <Empty
            title="No call fits"
            action={
              <Button variant="default" size="xs" onClick={() => write("")}>
                Show all
              </Button>
            }
          >
            Try a part of a path, such as <code>developers</code>, or a permission.
          </Empty>
        )}
      </div>
    </>
  );
}
