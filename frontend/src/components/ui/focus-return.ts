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
      before.current = lastingOf(document.activeElement);
    },
    onCloseAutoFocus: (event: Event) => {
      event.preventDefault();
      if (before.current instanceof HTMLElement) before.current.focus();
    },
  };
}

/** An element, or what opened the menu that it is in: an item is gone when the dialog that it opened closes. */
function lastingOf(element: Element | null): Element | null {
  const opener = element?.closest('[role="menu"]')?.getAttribute("aria-labelledby");
  return opener ? document.getElementById(opener) : element;
}
