import { Badge, Button, NativeSelect, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { type AuditEntry, auditQuery, csvAddress } from "../../api/audit";
import { auditActions, auditTypes } from "../../api/audit-words";
import { type Here, useHere } from "../../frame/place";
import { type Column, DataTable } from "../../ui/DataTable";
import { changedFields, Difference, fieldWords } from "../../ui/Difference";
import { DownloadIcon, ListIcon, SearchIcon } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { Pager } from "../../ui/Pager";
import { Empty, Failure } from "../../ui/states";
import { Moment } from "../../ui/time";
import classes from "./AuditPage.module.css";
import { type AuditSearch, filtersOf, isFiltered, PAGE_SIZE, queryOf, UNFILTERED } from "./search";
import { plain } from "./words";

const route = getRouteApi("/orgs/$org/projects/$project/settings/activity");

export function AuditPage() {
  const here = useHere();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, isPlaceholderData, refetch } = useQuery(auditQuery(queryOf(search, here.place)));
  const change: Change = (part, replace = false) =>
    navigate({ search: { ...search, page: undefined, ...part }, replace });
  const filtered = isFiltered(search);
  const none = data?.totalCount === 0;
  return (
    <Page
      title="Activity log"
      description="Who changed what, and when. Entries are chained to each other: none can be changed or taken out unseen."
      actions={
        data &&
        !none && (
          <Button
            component="a"
            variant="default"
            leftSection={<DownloadIcon size={16} />}
            href={csvAddress(filtersOf(search, here.place))}
            download="activity-log.csv"
          >
            Export as CSV
          </Button>
        )
      }
    >
      <Filters here={here} search={search} change={change} />
      {error ? (
        <Failure error={error} retry={() => refetch()} />
      ) : none ? (
        <Empty
          icon={filtered ? <SearchIcon size={36} /> : <ListIcon size={40} />}
          title={filtered ? "No entry fits these filters" : "Nothing has happened here yet"}
          action={
            (filtered || search.of) && (
              <Button variant="default" onClick={() => navigate({ search: {} })}>
                Show everything
              </Button>
            )
          }
        >
          {!filtered && "Whatever someone or something changes here is written down in this log."}
        </Empty>
      ) : (
        <>
          <DataTable
            caption="Activity log"
            columns={columns(change)}
            rows={data?.entries}
            expected={10}
            rowId={(entry) => `${entry.chain} ${entry.sequence}`}
            rowName={(entry) => entry.subjectName}
            stale={isPlaceholderData}
          />
          {data && (
            <Pager
              index={data.pageIndex}
              size={data.pageSize}
              total={data.totalCount}
              onChange={(index, size) =>
                change({
                  page: index > 0 ? index + 1 : undefined,
                  size: size === PAGE_SIZE ? undefined : size,
                })
              }
            />
          )}
        </>
      )}
    </Page>
  );
}

type Change = (part: Partial<AuditSearch>, replace?: boolean) => void;

const COLORS: Record<string, string> = { CREATED: "green", DELETED: "red", FAIL: "red", EXPOSED: "orange" };

function columns(change: Change): Column<AuditEntry>[] {
  return [
    {
      id: "at",
      header: "When",
      cell: ({ at }) => (
        <Text size="sm">
          <Moment at={at} />
        </Text>
      ),
    },
    {
      id: "who",
      header: "Who",
      cell: ({ actor, address }) => (
        <div className={classes.who}>
          {actor.type === "SYSTEM" ? (
            <Text size="sm">{actor.name || "Sextant"}</Text>
          ) : (
            <FilterBy label={`Only by ${actor.name}`} onClick={() => change({ who: actor.name })}>
              {actor.name}
            </FilterBy>
          )}
          <Text size="xs" c="dimmed">
            {[actor.type === "API_KEY" && "API key", address && `from ${address}`].filter(Boolean).join(" ")}
          </Text>
        </div>
      ),
    },
    {
      id: "what",
      header: "What",
      cell: ({ action, type }) => (
        <div>
          <Badge variant="light" color={COLORS[action] ?? "gray"} tt="none" radius="sm">
            {plain(action)}
          </Badge>
          <Text size="xs" c="dimmed" mt={2}>
            {plain(type)}
          </Text>
        </div>
      ),
    },
    {
      id: "thing",
      header: "Of",
      cell: ({ subjectName, subjectId }) => (
        <div className={classes.thing}>
          <FilterBy
            label={`Only of ${subjectName || subjectId}`}
            onClick={() => change({ subject: subjectId })}
          >
            {subjectName || subjectId}
          </FilterBy>
        </div>
      ),
    },
    { id: "change", header: "Change", wide: true, cell: (entry) => <Details entry={entry} /> },
  ];
}

function FilterBy({ label, onClick, children }: { label: string; onClick: () => void; children: string }) {
  return (
    <UnstyledButton className={classes.by} title={label} onClick={onClick}>
      {children}
    </UnstyledButton>
  );
}

/** How many fields are named before it is opened. */
const NAMED = 3;

function summaryOf(entry: AuditEntry): string {
  const fields = changedFields(entry.before, entry.after).map(({ field }) => fieldWords(field));
  if (fields.length === 0) return "Details";
  const more = fields.length - NAMED;
  return fields.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function Details({ entry }: { entry: AuditEntry }) {
  // Of a long page, only what is looked at is drawn.
  const [open, setOpen] = useState(false);
  return (
    <details className={classes.details} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summaryOf(entry)}</summary>
      {open && (
        <>
          <Difference before={entry.before} after={entry.after} />
          <Facts entry={entry} />
        </>
      )}
    </details>
  );
}

function Facts({ entry }: { entry: AuditEntry }) {
  const facts = [
    ["Id", entry.subjectId],
    ["Program", entry.userAgent],
    ["Request id", entry.requestId],
    ["Entry", `${entry.sequence} of the chain ${entry.chain}`],
    ["Hash", entry.hash],
  ].filter(([, value]) => value);
  return (
    <dl className={classes.facts}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Filters({ here, search, change }: { here: Here; search: AuditSearch; change: Change }) {
  const choose = (name: keyof AuditSearch) => (event: React.ChangeEvent<HTMLSelectElement>) =>
    change({ [name]: event.currentTarget.value || undefined });
  const several = here.mayAtAccount("audit:read") || here.session.projects.length > 1;
  return (
    <search aria-label="Filter the log" className={classes.filters}>
      <TypedFilter
        label="Who"
        placeholder="E-mail address or key"
        value={search.who}
        onChange={(who) => change({ who }, true)}
      />
      <NativeSelect
        label="Action"
        value={search.action ?? ""}
        onChange={choose("action")}
        data={choices(auditActions, search.action)}
      />
      <NativeSelect
        label="Kind of thing"
        value={search.type ?? ""}
        onChange={choose("type")}
        data={choices(auditTypes, search.type)}
      />
      <TypedFilter
        label="Id of the thing"
        placeholder="Any"
        value={search.subject}
        onChange={(subject) => change({ subject }, true)}
      />
      <MomentFilter label="From" value={search.from} onChange={(from) => change({ from }, true)} />
      <MomentFilter label="To" value={search.to} onChange={(to) => change({ to }, true)} />
      {several && (
        <NativeSelect
          label="Where"
          value={search.of ?? ""}
          onChange={choose("of")}
          data={[
            { value: "", label: "Everywhere I may see" },
            { value: "project", label: "In this project" },
          ]}
        />
      )}
      {isFiltered(search) && (
        <Button variant="subtle" className={classes.clear ?? ""} onClick={() => change(UNFILTERED)}>
          Clear
        </Button>
      )}
    </search>
  );
}

/** The words to choose from, and what the address has where that is several of them. */
function choices(words: readonly string[], current: string | undefined) {
  const joined = current?.includes(",") ? [current] : [];
  const label = (value: string) => value.split(",").map(plain).join(", ");
  const known = words
    .map((value) => ({ value, label: label(value) }))
    .sort((a, b) => a.label.localeCompare(b.label));
  return [{ value: "", label: "Any" }, ...joined.map((value) => ({ value, label: label(value) })), ...known];
}

function TypedFilter({
  label,
  placeholder,
  value = "",
  onChange,
}: {
  label: string;
  placeholder: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const [text, setText] = useState(value);
  // The address can change by other means: the way back, a link.
  useEffect(() => setText(value), [value]);
  const send = useDebouncedCallback((typed: string) => onChange(typed.trim() || undefined), 350);
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      type="search"
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        send(event.currentTarget.value);
      }}
    />
  );
}

/** A moment in local time, as the browser's own field has it. */
function local(at: string | undefined): string {
  if (!at) return "";
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function MomentFilter({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const [text, setText] = useState(local(value));
  useEffect(() => setText(local(value)), [value]);
  const send = useDebouncedCallback((typed: string) => {
    if (!typed) onChange(undefined);
    // While a year is being typed it is one of the first centuries.
    else if (Date.parse(typed) > 0) onChange(new Date(typed).toISOString());
  }, 350);
  return (
    <TextInput
      label={label}
      className={classes.moment ?? ""}
      type="datetime-local"
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        send(event.currentTarget.value);
      }}
    />
  );
}
