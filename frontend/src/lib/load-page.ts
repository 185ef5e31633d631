/** Opens a page as a new document, so that nothing of the session before stays in memory. */
export function loadPage(path: string): void {
  // eslint-disable-next-line @next/next/no-location-assign-relative-destination -- a new document is the point
  window.location.assign(path);
}
