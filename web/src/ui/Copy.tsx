import { Button, Text, VisuallyHidden } from "@mantine/core";
import { useEffect, useState } from "react";
import classes from "./Copy.module.css";
import { CheckIcon, CopyIcon } from "./icons";

/** Browsers offer the clipboard to secure origins only; a server on the local network mostly is none. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    area.className = classes.away ?? "";
    const host = document.querySelector('[role="dialog"]') ?? document.body;
    const focused = document.activeElement;
    host.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return done;
  }
}

/** Copies a text and says whether that worked. */
export function CopyButton({
  text,
  label,
  onCopied,
  primary = false,
}: {
  text: string;
  label: string;
  onCopied?: () => void;
  primary?: boolean;
}) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 2_500);
    return () => clearTimeout(timer);
  }, [state]);
  return (
    <>
      <Button
        variant={primary ? "filled" : "default"}
        leftSection={state === "copied" ? <CheckIcon size={16} /> : <CopyIcon size={16} />}
        onClick={async () => {
          const done = await copy(text);
          setState(done ? "copied" : "failed");
          if (done) onCopied?.();
        }}
      >
        {state === "copied" ? "Copied" : label}
      </Button>
      <VisuallyHidden role="status">{state === "copied" ? "Copied" : ""}</VisuallyHidden>
      {state === "failed" && (
        <Text size="sm" c="red" role="alert">
          The browser does not let this page copy. Select the text and copy it.
        </Text>
      )}
    </>
  );
}

/** Text to be taken along: commands, keys. A click selects all of it. */
export function CodeBlock({ children }: { children: string }) {
  return (
    <pre className={classes.block}>
      <code>{children}</code>
    </pre>
  );
}
