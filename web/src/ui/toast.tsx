import { CloseButton, Paper, Text } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { CheckIcon } from "./icons";
import classes from "./toast.module.css";

interface Toast {
  id: number;
  text: string;
}

let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function change(to: Toast[]): void {
  toasts = to;
  for (const listener of listeners) listener();
}

const remove = (id: number) => change(toasts.filter((toast) => toast.id !== id));

/** Says for some seconds that something was done. What failed is said where it failed. */
export function say(text: string): void {
  const id = next++;
  change([...toasts.slice(-2), { id, text }]);
  setTimeout(() => remove(id), 6_000);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className={classes.toasts} role="status" aria-live="polite">
      {shown.map((toast) => (
        <Paper key={toast.id} className={classes.toast} shadow="md" withBorder p="sm">
          <CheckIcon className={classes.check} />
          <Text size="sm">{toast.text}</Text>
          <CloseButton size="sm" aria-label="Dismiss" onClick={() => remove(toast.id)} />
        </Paper>
      ))}
    </div>
  );
}
