/** What keys belong to while the focus is in it. */
const OWN_KEYS = '[role="dialog"], [role="alertdialog"], [role="menu"], [role="listbox"], [contenteditable="true"], textarea, select';
/** Inputs that nothing is typed into. */
const PRESSED = ["checkbox", "radio", "button", "submit"];

/** Whether a key is for the page: pressed alone, unused so far, and neither written somewhere nor meant for what is open over the page. */
export function isForPage(event: KeyboardEvent): boolean {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return false;
  const { target } = event;
  if (!(target instanceof HTMLElement)) return true;
  if (target instanceof HTMLInputElement && !PRESSED.includes(target.type)) return false;
  return target.closest(OWN_KEYS) === null;
}
