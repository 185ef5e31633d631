import { useRef } from "react";

/**
 * Gives the focus back to where it was when a dialog closes that was not opened by a trigger of its own.
 *
 * To be spread over the content of the dialog, in which nothing may take the focus by itself before.
 */
export function useFocusReturn() {
  const before = useRef<Element | null>(null);
  return {
    onOpenAutoFocus: () => {
      before.current = document.activeElement;
    },
    onCloseAutoFocus: (event: Event) => {
      event.preventDefault();
      if (before.current instanceof HTMLElement) before.current.focus();
    },
  };
}
