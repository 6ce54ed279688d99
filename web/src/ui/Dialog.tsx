import { Modal, type ModalRootProps } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import classes from "./Dialog.module.css";

interface Props extends Pick<ModalRootProps, "size" | "closeOnEscape" | "closeOnClickOutside"> {
  title: string;
  onClose: () => void;
  /** Without it only what stands in the dialog closes it. */
  withCloseButton?: boolean;
  children: ReactNode;
}

/** Locking the page's scrolling takes a `<style>`, which the policy forbids; fading out keeps in the page what was closed. */
export const STILL = { lockScroll: false, transitionProps: { duration: 0 } };

const OPEN = '[role="dialog"]';

/** Where the keyboard was before the dialog, or the first of those that follow each other. */
let opener: Element | null = null;

/** Who opened a dialog by the keyboard goes on from there. The library does so only for what was closed before it was open. */
function useReturnedFocus(): void {
  useState(() => {
    const { activeElement } = document;
    if (!activeElement?.closest(OPEN)) opener = activeElement;
  });
  useEffect(
    () => () => {
      setTimeout(() => {
        if (document.querySelector(OPEN)) return;
        const target =
          opener?.isConnected && opener !== document.body ? opener : document.querySelector("main");
        if (target instanceof HTMLElement) target.focus({ preventScroll: true });
      });
    },
    [],
  );
}

/** An open dialog. The library's own has a `<header>`, which readers of the screen take for the page's. */
export function Dialog({ title, withCloseButton = true, children, ...root }: Props) {
  useReturnedFocus();
  return (
    <Modal.Root opened {...root} {...STILL}>
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
