import { type ReactNode, useEffect } from "react";
import { flushSync } from "react-dom";
import { Dialog } from "./Dialog";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog with what is shown only once: nothing closes it by mistake, and nothing of it stays behind. */
export function OneTimeDialog({ title, onClose, children }: Props) {
  useEffect(() => {
    // A browser may keep a whole page to show it again on the way back. Not with a secret on it.
    const leave = () => flushSync(onClose);
    window.addEventListener("pagehide", leave);
    return () => window.removeEventListener("pagehide", leave);
  }, [onClose]);
  return (
    <Dialog
      onClose={onClose}
      title={title}
      size="54rem"
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      {children}
    </Dialog>
  );
}
