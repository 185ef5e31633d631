/** Pages for people who have not signed in. */
export const OPEN_PAGES: readonly string[] = ["/login", "/register", "/forgot-password", "/reset-password", "/accept-invitation"];
