import { Checkbox, NativeSelect, Skeleton, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./DataTable.module.css";
import { SortDownIcon, SortIcon, SortUpIcon } from "./icons";

export interface Column<Row> {
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** By this the server sorts; absent: not at all. */
  sortKey?: string;
  /** Numbers stand at the right. */
  numeric?: boolean;
  /** Takes the whole width of a card. */
  wide?: boolean;
  /** The column of buttons: its header is for readers of the screen only. */
  actions?: boolean;
}

export interface Sort {
  key: string;
  descending: boolean;
}

interface Selection {
  chosen: ReadonlySet<string>;
  change: (chosen: Set<string>) => void;
}

interface Props<Row> {
  /** What the table holds, for who cannot see it. */
  caption: string;
  columns: readonly Column<Row>[];
  /** `undefined` while they are on their way: the table then has its place already. */
  rows: readonly Row[] | undefined;
  /** How many rows to draw while they are on their way. */
  expected?: number;
  rowId: (row: Row) => string;
  rowName: (row: Row) => string;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  selection?: Selection | undefined;
  /** Newer rows are on their way. */
  stale?: boolean;
}

/** A table that is a list of cards where it is narrow. The roles are written out because the cards' styles take them away. */
export function DataTable<Row>(props: Props<Row>) {
  const { caption, columns, rows, expected = 5, rowId, rowName, sort, onSort, selection, stale } = props;
  const ids = rows?.map(rowId) ?? [];
  const chosen = selection ? ids.filter((id) => selection.chosen.has(id)).length : 0;
  const toggle = (id: string) => {
    if (!selection) return;
    const next = new Set(selection.chosen);
    if (!next.delete(id)) next.add(id);
    selection.change(next);
  };
  const toggleAll = () => {
    if (!selection) return;
    const next = new Set(selection.chosen);
    for (const id of ids) chosen === ids.length ? next.delete(id) : next.add(id);
    selection.change(next);
  };
  return (
    <div className={classes.frame} data-stale={stale || undefined}>
      {(selection || (sort && onSort)) && (
        <div className={classes.bar}>
          {sort && onSort && <SortChoice columns={columns} sort={sort} onSort={onSort} />}
          {selection && (
            <Checkbox
              size="sm"
              label="Select all"
              checked={chosen > 0 && chosen === ids.length}
              indeterminate={chosen > 0 && chosen < ids.length}
              onChange={toggleAll}
              disabled={ids.length === 0}
            />
          )}
        </div>
      )}
      <table className={classes.table} role="table" aria-label={caption} aria-busy={rows === undefined}>
        <thead role="rowgroup">
          <tr role="row">
            {selection && (
              <th role="columnheader" scope="col" className={classes.check}>
                <Checkbox
                  aria-label="Select all on this page"
                  checked={chosen > 0 && chosen === ids.length}
                  indeterminate={chosen > 0 && chosen < ids.length}
                  onChange={toggleAll}
                  disabled={ids.length === 0}
                />
              </th>
            )}
            {columns.map((column) => (
              <Header key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows?.map((row) => {
            const id = rowId(row);
            return (
              <tr key={id} role="row" data-chosen={selection?.chosen.has(id) || undefined}>
                {selection && (
                  <td role="cell" className={classes.check}>
                    <Checkbox
                      aria-label={`Select ${rowName(row)}`}
                      checked={selection.chosen.has(id)}
                      onChange={() => toggle(id)}
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <td
                    key={column.id}
                    role="cell"
                    data-label={column.actions ? undefined : column.header}
                    className={
                      column.numeric
                        ? classes.numeric
                        : column.actions
                          ? classes.actions
                          : column.wide
                            ? classes.wide
                            : undefined
                    }
                  >
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          {rows === undefined &&
            Array.from({ length: expected }, (_, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: places without content have no other name
              <tr key={index} role="row">
                {selection && <td role="cell" className={classes.check} />}
                {columns.map((column) => (
                  <td key={column.id} role="cell" data-label={column.actions ? undefined : column.header}>
                    <Skeleton height="1.1rem" my="0.45rem" width={column.actions ? "2rem" : "80%"} />
                  </td>
                ))}
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}

/** The cards have no headers to sort by. */
function SortChoice<Row>({
  columns,
  sort,
  onSort,
}: {
  columns: readonly Column<Row>[];
  sort: Sort;
  onSort: (sort: Sort) => void;
}) {
  const data = columns.flatMap(({ sortKey, header }) =>
    sortKey
      ? [
          { value: `${sortKey} up`, label: `${header}, ascending` },
          { value: `${sortKey} down`, label: `${header}, descending` },
        ]
      : [],
  );
  return (
    <NativeSelect
      size="xs"
      aria-label="Sort by"
      data={data}
      value={`${sort.key} ${sort.descending ? "down" : "up"}`}
      onChange={(event) => {
        const [key = "", direction] = event.currentTarget.value.split(" ");
        onSort({ key, descending: direction === "down" });
      }}
    />
  );
}

function Header<Row>({
  column,
  sort,
  onSort,
}: {
  column: Column<Row>;
  sort: Sort | undefined;
  onSort: ((sort: Sort) => void) | undefined;
}) {
  const { sortKey, header } = column;
  const className = column.numeric ? classes.numeric : undefined;
  if (column.actions) {
    return (
      <th role="columnheader" scope="col" className={classes.actions}>
        <span className={classes.hidden}>{header}</span>
      </th>
    );
  }
  if (!sortKey || !onSort) {
    return (
      <th role="columnheader" scope="col" className={className}>
        {header}
      </th>
    );
  }
  const current = sort?.key === sortKey ? sort : undefined;
  const Icon = !current ? SortIcon : current.descending ? SortDownIcon : SortUpIcon;
  return (
    <th
      role="columnheader"
      scope="col"
      className={className}
      aria-sort={!current ? "none" : current.descending ? "descending" : "ascending"}
    >
      <UnstyledButton
        className={classes.sort}
        data-current={current ? true : undefined}
        onClick={() => onSort({ key: sortKey, descending: current ? !current.descending : false })}
      >
        {header}
        <Icon size={14} />
      </UnstyledButton>
    </th>
  );
}
