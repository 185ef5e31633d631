/** Opens a page as a new document, so that nothing of the session before stays in memory. */
export function loadPage(path: string): void {
  window.location.assign(path);
}
