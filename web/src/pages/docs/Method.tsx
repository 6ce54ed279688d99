import { Badge } from "@mantine/core";
import classes from "./Docs.module.css";

const COLOURS: Record<string, string> = {
  GET: "blue",
  POST: "green",
  PUT: "yellow",
  PATCH: "yellow",
  DELETE: "red",
};

export function Method({ of }: { of: string }) {
  return (
    <Badge
      className={classes.method ?? ""}
      color={COLOURS[of] ?? "gray"}
      variant="light"
      radius="sm"
      size="sm"
    >
      {of}
    </Badge>
  );
}
