import { Button, NativeSelect, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { type User, usersQuery } from "../../api/users";
import { useHere } from "../../frame/place";
import { type Column, DataTable } from "../../ui/DataTable";
import { PlusIcon, SearchIcon, UsersIcon } from "../../ui/icons";
import { TextLink } from "../../ui/links";
import { Page } from "../../ui/Page";
import { Pager } from "../../ui/Pager";
import { Empty, Failure } from "../../ui/states";
import { Moment } from "../../ui/time";
import { CreateUserDialog } from "./CreateUserDialog";
import { PAGE_SIZE, queryOf, type UserSearch, userSearch } from "./search";
import { inOrder, placeLabel, RoleTag, UserState } from "./show";
import classes from "./UsersPage.module.css";

const route = getRouteApi("/orgs/$org/projects/$project/settings/users");

export function UsersPage() {
  const here = useHere();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, isPlaceholderData, refetch } = useQuery(usersQuery(queryOf(search)));
  const writes = here.mayAtAccount("users:write");
  const change: Change = (part, replace = false) =>
    navigate({ search: { ...search, page: undefined, ...part }, replace });
  const filtered = Boolean(search.search || search.state);
  const alone = data?.totalCount === 1 && !filtered;
  const add = (
    <Button leftSection={<PlusIcon />} onClick={() => change({ create: true, page: search.page })}>
      Add a person
    </Button>
  );
  return (
    <Page
      title="Users and access"
      description="People who sign in, what they may do and where. Programs use API keys instead."
      actions={writes && !alone && add}
    >
      {!alone && <Filters search={search} change={change} />}
      {error ? (
        <Failure error={error} retry={() => refetch()} />
      ) : data?.totalCount === 0 ? (
        <Empty
          icon={<SearchIcon size={36} />}
          title="Nobody fits these filters"
          action={
            <Button variant="default" onClick={() => navigate({ search: {} })}>
              Show everyone
            </Button>
          }
        />
      ) : (
        <>
          <DataTable
            caption="People"
            columns={columns(here.params)}
            rows={data?.users}
            rowId={(user) => user.id}
            rowName={(user) => user.email}
            stale={isPlaceholderData}
          />
          {data && !alone && (
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
          {alone && (
            <Empty icon={<UsersIcon size={40} />} title="Nobody else is here yet" action={writes && add}>
              Add the people who look after keys and data. Each gets a link to choose a password; Sextant
              sends no mail.
            </Empty>
          )}
        </>
      )}
      {writes && search.create && (
        <CreateUserDialog onClose={() => change({ create: undefined, page: search.page }, true)} />
      )}
    </Page>
  );
}

type Change = (part: Partial<UserSearch>, replace?: boolean) => void;

function columns(params: { org: string; project: string }): Column<User>[] {
  return [
    {
      id: "name",
      header: "Name",
      cell: ({ id, name, email }) => (
        <div className={classes.name}>
          <TextLink
            to="/orgs/$org/projects/$project/settings/users/$id"
            params={{ ...params, id }}
            fw={600}
            size="sm"
          >
            {name}
          </TextLink>
          <Text size="xs" c="dimmed">
            {email}
          </Text>
        </div>
      ),
    },
    { id: "state", header: "State", cell: (user) => <UserState user={user} /> },
    {
      id: "roles",
      header: "Roles",
      cell: ({ roles }) =>
        roles.length === 0 ? (
          <Text size="sm" c="dimmed">
            None
          </Text>
        ) : (
          <ul className={classes.roles}>
            {inOrder(roles).map((binding) => (
              <li key={`${binding.role} ${placeLabel(binding)}`}>
                <RoleTag binding={binding} /> <span className={classes.place}>{placeLabel(binding)}</span>
              </li>
            ))}
          </ul>
        ),
    },
    {
      id: "created",
      header: "Added",
      cell: ({ createdAt }) => (
        <Text size="sm">
          <Moment at={createdAt} />
        </Text>
      ),
    },
  ];
}

function Filters({ search, change }: { search: UserSearch; change: Change }) {
  const [text, setText] = useState(search.search ?? "");
  // The address can change by other means: the way back, a link.
  useEffect(() => setText(search.search ?? ""), [search.search]);
  const send = useDebouncedCallback((value: string) => change({ search: value || undefined }, true), 250);
  return (
    <search aria-label="Filter people" className={classes.filters}>
      <TextInput
        label="Search"
        placeholder="Part of the name or e-mail address"
        type="search"
        leftSection={<SearchIcon size={16} />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          send(event.currentTarget.value);
        }}
      />
      <NativeSelect
        label="State"
        value={search.state ?? ""}
        onChange={(event) => change({ state: userSearch({ state: event.currentTarget.value }).state })}
        data={[
          { value: "", label: "Any" },
          { value: "active", label: "May sign in" },
          { value: "deactivated", label: "Deactivated" },
        ]}
      />
    </search>
  );
}
