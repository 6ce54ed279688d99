import { ActionIcon, Button, Group, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { type ApiKey, keysQuery } from "../../api/keys";
import { useHere } from "../../frame/place";
import { type Column, DataTable } from "../../ui/DataTable";
import { KeyIcon, PlusIcon, RotateIcon, SearchIcon, TrashIcon } from "../../ui/icons";
import { Page } from "../../ui/Page";
import { Pager } from "../../ui/Pager";
import { Empty, Failure } from "../../ui/states";
import { type Bulk, BulkBar, BulkDialog } from "./BulkBar";
import { CreateDialog } from "./CreateDialog";
import { DeleteDialog } from "./DeleteDialog";
import classes from "./KeysPage.module.css";
import { RotateDialog } from "./RotateDialog";
import { isFiltered, type KeySearch, PAGE_SIZE, queryOf, sortOf } from "./search";
import { CreatedBy, Expiry, KeyLink, LastUsed, RoleBadge, StatusBadge } from "./show";

const route = getRouteApi("/orgs/$org/projects/$project/settings/api-keys");

type KeyDialog = { kind: "rotate" | "delete"; apiKey: ApiKey };

export function KeysPage() {
  const here = useHere();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const writes = here.may("api_keys:write");
  const { data, error, isPlaceholderData, refetch } = useQuery(keysQuery(here.place, queryOf(search)));
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [dialog, setDialog] = useState<KeyDialog>();
  const [bulk, setBulk] = useState<Bulk>();
  /** Filters begin again at the first page; what is undefined leaves the address. */
  const change = (part: Partial<KeySearch>, replace = false) => {
    const next = { ...search, page: undefined, ...part };
    navigate({ search: next, replace });
  };
  const filtered = isFiltered(search);
  const keys = data?.apiKeys;
  const selected = keys?.filter((apiKey) => chosen.has(apiKey.id)) ?? [];
  const columns = keyColumns(writes ? setDialog : undefined);
  const create = (
    <Button leftSection={<PlusIcon />} onClick={() => change({ create: true, page: search.page })}>
      {data?.totalCount === 0 && !filtered ? "Create your first API key" : "Create API key"}
    </Button>
  );
  const none = data?.totalCount === 0;
  return (
    <Page
      title="API keys"
      description="Each opens this project for one program. Its secret is shown once, when it is made."
      actions={writes && !(none && !filtered) && create}
    >
      {!(none && !filtered) && <Filters search={search} change={change} />}
      {error ? (
        <Failure error={error} retry={() => refetch()} />
      ) : none ? (
        filtered ? (
          <Empty
            icon={<SearchIcon size={36} />}
            title="No key fits these filters"
            action={
              <Button variant="default" onClick={() => navigate({ search: {} })}>
                Show all keys
              </Button>
            }
          />
        ) : (
          <Empty
            icon={<KeyIcon size={40} />}
            title="There is no API key in this project"
            action={writes && create}
          >
            {writes
              ? "Make one, put it where your CI or script keeps its secrets, and try it with the line that you get with it."
              : "Someone who may manage keys here can make one."}
          </Empty>
        )
      ) : (
        <>
          {writes && selected.length > 0 && (
            <BulkBar selected={selected} onStart={setBulk} onNone={() => setChosen(new Set())} />
          )}

          <DataTable
            caption="API keys"
            columns={columns}
            rows={keys}
            expected={8}
            rowId={(apiKey) => apiKey.id}
            rowName={(apiKey) => apiKey.name}
            sort={sortOf(search)}
            onSort={({ key, descending }) =>
              change({ sort: key as KeySearch["sort"], order: descending ? "desc" : "asc" })
            }
            selection={writes ? { chosen, change: setChosen } : undefined}
            stale={isPlaceholderData}
          />
          {data && (
            <Pager
              index={data.pageIndex}
              size={data.pageSize}
              total={data.totalCount}
              onChange={(index, size) => {
                setChosen(new Set());
                navigate({
                  search: {
                    ...search,
                    page: index > 0 ? index + 1 : undefined,
                    size: size === PAGE_SIZE ? undefined : size,
                  },
                });
              }}
            />
          )}
        </>
      )}
      {writes && search.create && data && (
        <CreateDialog
          first={data.totalCount === 0 && !filtered}
          onClose={() => change({ create: undefined, page: search.page }, true)}
        />
      )}
      {bulk && (
        <BulkDialog
          kind={bulk.kind}
          keys={bulk.keys}
          onClose={(finished) => {
            setBulk(undefined);
            if (finished) setChosen(new Set());
          }}
        />
      )}
      {dialog?.kind === "rotate" && (
        <RotateDialog apiKey={dialog.apiKey} onClose={() => setDialog(undefined)} />
      )}
      {dialog?.kind === "delete" && (
        <DeleteDialog apiKey={dialog.apiKey} onClose={() => setDialog(undefined)} />
      )}
    </Page>
  );
}

function keyColumns(open: ((dialog: KeyDialog) => void) | undefined): Column<ApiKey>[] {
  const columns: Column<ApiKey>[] = [
    {
      id: "name",
      header: "Name",
      sortKey: "name",
      cell: (apiKey) => (
        <div className={classes.name}>
          <KeyLink apiKey={apiKey} />
        </div>
      ),
    },
    { id: "role", header: "Role", sortKey: "role", cell: (apiKey) => <RoleBadge role={apiKey.role} /> },
    { id: "status", header: "Status", cell: (apiKey) => <StatusBadge apiKey={apiKey} /> },
    {
      id: "created",
      header: "Created",
      sortKey: "createdAt",
      cell: (apiKey) => (
        <div>
          <CreatedBy apiKey={apiKey} />
        </div>
      ),
    },
    {
      id: "used",
      header: "Last used",
      sortKey: "lastUsedAt",
      cell: (apiKey) => (
        <div>
          <LastUsed apiKey={apiKey} />
        </div>
      ),
    },
    {
      id: "requests",
      header: "Requests",
      sortKey: "requestCount",
      numeric: true,
      cell: (apiKey) => apiKey.requestCount.toLocaleString(),
    },
    {
      id: "expires",
      header: "Expires",
      sortKey: "expiresAt",
      cell: (apiKey) => <Expiry at={apiKey.expiresAt} />,
    },
  ];
  if (open) {
    columns.push({
      id: "actions",
      header: "Actions",
      actions: true,
      cell: (apiKey) => (
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={`Rotate ${apiKey.name}`}
            title="Rotate"
            onClick={() => open({ kind: "rotate", apiKey })}
          >
            <RotateIcon />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="red"
            size="lg"
            aria-label={`Delete ${apiKey.name}`}
            title="Delete"
            onClick={() => open({ kind: "delete", apiKey })}
          >
            <TrashIcon />
          </ActionIcon>
        </Group>
      ),
    });
  }
  return columns;
}

function Filters({
  search,
  change,
}: {
  search: KeySearch;
  change: (part: Partial<KeySearch>, replace?: boolean) => void;
}) {
  const [text, setText] = useState(search.search ?? "");
  // The address can change by other means: the way back, a link.
  useEffect(() => setText(search.search ?? ""), [search.search]);
  const send = useDebouncedCallback((value: string) => change({ search: value || undefined }, true), 250);
  const choose = (name: keyof KeySearch) => (event: React.ChangeEvent<HTMLSelectElement>) =>
    change({ [name]: event.currentTarget.value || undefined });
  return (
    <search aria-label="Filter keys" className={classes.filters}>
      <TextInput
        className={classes.search ?? ""}
        label="Search"
        placeholder="Name, description or id"
        type="search"
        leftSection={<SearchIcon size={16} />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          send(event.currentTarget.value);
        }}
      />
      <NativeSelect
        label="Role"
        value={search.role ?? ""}
        onChange={choose("role")}
        data={[
          { value: "", label: "Any" },
          { value: "INGESTION", label: "Ingestion" },
          { value: "ADMIN", label: "Admin" },
        ]}
      />
      <NativeSelect
        label="Status"
        value={search.status ?? ""}
        onChange={choose("status")}
        data={[
          { value: "", label: "Any" },
          { value: "ACTIVE", label: "Active" },
          { value: "DISABLED", label: "Disabled" },
          { value: "EXPIRED", label: "Expired" },
        ]}
      />
      <NativeSelect
        label="Use"
        value={String(search.unusedForDays ?? "")}
        onChange={choose("unusedForDays")}
        data={withCurrent(search.unusedForDays, [30, 90, 365], (days) => `Unused for ${days} days`)}
      />
      <NativeSelect
        label="Expiry"
        value={String(search.expiringWithinDays ?? "")}
        onChange={choose("expiringWithinDays")}
        data={withCurrent(search.expiringWithinDays, [7, 14, 30, 90], (days) => `Within ${days} days`)}
      />
      {isFiltered(search) && (
        <Button
          variant="subtle"
          onClick={() =>
            change({
              search: undefined,
              role: undefined,
              status: undefined,
              unusedForDays: undefined,
              expiringWithinDays: undefined,
            })
          }
        >
          Clear
        </Button>
      )}
    </search>
  );
}

/** The choices, with the one from the address where it is another. */
function withCurrent(current: number | undefined, usual: number[], label: (days: number) => string) {
  const days = current && !usual.includes(current) ? [...usual, current].sort((a, b) => a - b) : usual;
  return [{ value: "", label: "Any" }, ...days.map((one) => ({ value: String(one), label: label(one) }))];
}
