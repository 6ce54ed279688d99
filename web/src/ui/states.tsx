import { Alert, Button, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { AlertIcon } from "./icons";
import { ButtonLink } from "./links";
import { usePageTitle } from "./Page";
import classes from "./states.module.css";

/** What went wrong and what to do about it. */
export function explain(error: unknown): { title: string; advice: string } {
  if (!(error instanceof ApiError)) {
    return {
      title: "The console made a mistake",
      advice: "Load the page again. If that does not help, report it with what the browser's console says.",
    };
  }
  switch (error.status) {
    case 0:
      return {
        title: "The server did not answer",
        advice: "Check that it runs and that you are connected, then try again.",
      };
    case 401:
      return { title: "You are not signed in", advice: "Sign in again; you come back to this page." };
    case 403:
      return {
        title: "You may not do this",
        advice: "Ask someone who manages users to give you a role that allows it.",
      };
    case 404:
      return {
        title: "It is not there",
        advice: "It may have been deleted, or it belongs to another project.",
      };
    case 429:
      return { title: "Too many requests", advice: "Wait a minute, then try again." };
    case 503:
      return {
        title: "The server cannot answer at the moment",
        advice: "Its database may be gone or it has just started. Try again; the server's log says more.",
      };
    default:
      return error.status >= 500
        ? {
            title: "Something broke on the server",
            advice: "Try again; the server's log has the cause under the request id.",
          }
        : { title: "The server refused this", advice: "" };
  }
}

/** A failure inside a page or dialog. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { title, advice } = explain(error);
  const said = error instanceof ApiError && error.status !== 0 ? error.message : undefined;
  const requestId = error instanceof ApiError ? error.requestId : undefined;
  return (
    <Alert color="red" icon={<AlertIcon />} title={title} role="alert">
      {said && <Text size="sm">{sentence(said)}</Text>}
      {advice && <Text size="sm">{advice}</Text>}
      {requestId && error instanceof ApiError && error.status >= 500 && (
        <Text size="sm">
          Request id: <code>{requestId}</code>
        </Text>
      )}
      {retry && (
        <Button mt="sm" size="xs" variant="default" onClick={retry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}

/** The server's messages begin as its log lines do. */
export function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}

/** Where there is nothing: why, and what comes next. */
export function Empty({
  icon,
  title,
  level = 2,
  children,
  action,
}: {
  icon?: ReactNode;
  title: string;
  /** 1 where this is the whole page. */
  level?: 1 | 2;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={classes.empty}>
      {icon && <div className={classes.icon}>{icon}</div>}
      <Title order={level} size="h4">
        {title}
      </Title>
      {children && (
        <Text c="dimmed" maw="34rem" component="div">
          {children}
        </Text>
      )}
      {action}
    </div>
  );
}

/** A whole page for an address that leads nowhere. */
export function NotFoundPage() {
  usePageTitle("Not found");
  return (
    <main className={classes.whole}>
      <Empty
        level={1}
        title="There is no such page"
        action={<ButtonLink to="/">To the start page</ButtonLink>}
      >
        The address may be mistyped, or what it led to is gone.
      </Empty>
    </main>
  );
}

/** A whole page for a failure that no part of a page took. */
export function FailurePage({ error, reset }: { error: unknown; reset: () => void }) {
  usePageTitle("Error");
  return (
    <div className={classes.whole}>
      <Failure error={error} retry={reset} />
    </div>
  );
}
