import { Modal, type ModalRootProps } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Dialog.module.css";

interface Props extends Pick<ModalRootProps, "size" | "closeOnEscape" | "closeOnClickOutside"> {
  title: string;
  onClose: () => void;
  /** Without it only what stands in the dialog closes it. */
  withCloseButton?: boolean;
  children: ReactNode;
}

/** An open dialog. The library's own has a `<header>`, which readers of the screen take for the page's. */
export function Dialog({ title, withCloseButton = true, children, ...root }: Props) {
  return (
    <Modal.Root opened {...root}>
      <Modal.Overlay />
      <Modal.Content>
        <div className={classes.head}>
          <Modal.Title>{title}</Modal.Title>
          {withCloseButton && <Modal.CloseButton aria-label="Close" />}
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
