import { type Document, follow, type Parameter, type Schema, typesOf } from "../../api/document";
import classes from "./Docs.module.css";
import { Prose } from "./Prose";

interface Common {
  document: Document;
  /** In a request it counts what must be there, in an answer what may be missing. */
  of: "request" | "answer";
}

interface Props extends Common {
  schema: Schema;
  /** The names of the schemas around this one: one of them again would have no end. */
  around?: readonly string[];
}

/** A schema with everything in it. */
export function SchemaView({ document, schema: given, of, around = [] }: Props) {
  const { schema, name } = follow(document, given);
  if (name && around.includes(name)) return null;
  const inside = name ? [...around, name] : around;
  const common = { document, of, around: inside };
  if (schema.oneOf) {
    return (
      <ul className={classes.fields}>
        {schema.oneOf.map((one) => (
          <li key={one.$ref ?? JSON.stringify(one)} className={classes.field}>
            <span className={classes.type}>either {kind(document, one)}</span>
            <SchemaView {...common} schema={one} />
          </li>
        ))}
      </ul>
    );
  }
  if (schema.items) return <SchemaView {...common} schema={schema.items} />;
  if (!schema.properties) return null;
  return (
    <ul className={classes.fields}>
      {Object.entries(schema.properties).map(([field, value]) => (
        <Field
          key={field}
          {...common}
          name={field}
          schema={value}
          required={schema.required?.includes(field) ?? false}
        />
      ))}
    </ul>
  );
}

function Field(props: Props & { name: string; required: boolean }) {
  const { document, of, name, required, around = [] } = props;
  const { schema } = follow(document, props.schema);
  const note =
    of === "request" ? (required ? "required" : undefined) : required ? undefined : "may be missing";
  return (
    <li className={classes.field}>
      <Head name={name} type={kind(document, props.schema)} note={note} />
      <About schema={schema} description={schema.description} />
      <SchemaView document={document} of={of} schema={props.schema} around={around} />
    </li>
  );
}

/** Where each parameter goes, and what it means. */
export function Parameters({ document, parameters }: { document: Document; parameters: Parameter[] }) {
  return (
    <ul className={classes.fields}>
      {parameters.map((parameter) => {
        const { schema } = follow(document, parameter.schema ?? {});
        return (
          <li key={`${parameter.in} ${parameter.name}`} className={classes.field}>
            <Head
              name={parameter.name}
              type={`${kind(document, parameter.schema ?? {})}, in the ${parameter.in}`}
              note={parameter.required ? "required" : undefined}
            />
            <About schema={schema} description={parameter.description} />
          </li>
        );
      })}
    </ul>
  );
}

function Head({ name, type, note }: { name: string; type: string; note: string | undefined }) {
  return (
    <div className={classes.fieldHead}>
      <code className={classes.fieldName}>{name}</code> <span className={classes.type}>{type}</span>{" "}
      {note && <span className={note === "required" ? classes.required : classes.type}>· {note}</span>}
    </div>
  );
}

function About({ schema, description }: { schema: Schema; description: string | undefined }) {
  const values = schema.enum ?? schema.items?.enum;
  const limits = limitsOf(schema);
  return (
    <>
      {description && (
        <div>
          <Prose>{description}</Prose>
        </div>
      )}
      {limits && <div className={classes.type}>{limits}</div>}
      {values && (
        <div className={classes.values}>
          {values.map((value) => (
            <code key={String(value)}>{String(value)}</code>
          ))}
        </div>
      )}
    </>
  );
}

function limitsOf(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, default: otherwise } = schema;
  const range = (from: number | undefined, to: number | undefined, what: string) => {
    if (from !== undefined && to !== undefined) return `${from} to ${to}${what}`;
    if (to !== undefined) return `at most ${to}${what}`;
    return from ? `at least ${from}${what}` : undefined;
  };
  return [
    range(minimum, maximum, ""),
    range(minLength, maxLength, " characters"),
    otherwise !== undefined && otherwise !== null ? `otherwise ${JSON.stringify(otherwise)}` : undefined,
  ]
    .filter(Boolean)
    .join("; ");
}

/** A type in words: `string or null`, `array of ApiKey`. */
export function kind(document: Document, given: Schema): string {
  const { schema, name } = follow(document, given);
  if (schema.enum) return "one of these";
  if (name) return name;
  if (schema.oneOf) return schema.oneOf.map((one) => kind(document, one)).join(" or ");
  const words = typesOf(schema).map((type) => {
    if (type === "array") return `array of ${schema.items ? kind(document, schema.items) : "anything"}`;
    if (type === "object" && typeof schema.additionalProperties === "object")
      return `object of ${kind(document, schema.additionalProperties)}`;
    if (type === "string" && schema.format === "date-time") return "time (RFC 3339)";
    if (type === "string" && schema.format === "binary") return "file";
    return type;
  });
  return words.join(" or ") || "anything";
}
