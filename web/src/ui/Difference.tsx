import classes from "./Difference.module.css";

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `allowedCidrs` as people say it: `Allowed cidrs`. */
export function fieldWords(field: string): string {
  const spaced = field.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function text(value: unknown): string {
  if (value === null || value === undefined || value === "") return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(text).join(", ") || "none";
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value))
    return new Date(value).toLocaleString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Which fields are another after than before. */
export function changedFields(
  before: unknown,
  after: unknown,
): { field: string; before: unknown; after: unknown }[] {
  const [old, now] = [isFields(before) ? before : {}, isFields(after) ? after : {}];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .map((field) => ({ field, before: old[field], after: now[field] }))
    .filter((change) => JSON.stringify(change.before) !== JSON.stringify(change.after));
}

/** A change, field by field: what was, what is. */
export function Difference({ before, after }: { before: unknown; after: unknown }) {
  const changes = changedFields(before, after);
  if (changes.length === 0) return null;
  return (
    <dl className={classes.changes}>
      {changes.map((change) => (
        <div key={change.field} className={classes.change}>
          <dt>{fieldWords(change.field)}</dt>
          <dd>
            {isFields(before) && change.before !== undefined && <del>{text(change.before)}</del>}
            {isFields(before) && change.before !== undefined && isFields(after) && " → "}
            {isFields(after) && change.after !== undefined && <ins>{text(change.after)}</ins>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
