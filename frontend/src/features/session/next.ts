/** Where to go after the sign-in: a path of this dashboard, whatever the address says. */
export function safeNext(next: string | null): string {
  if (next === null || !next.startsWith("/") || next.startsWith("//") || next.includes("\\")) return "/dashboard";
  try {
    const url = new URL(next, "http://dashboard.invalid");
    return url.origin === "http://dashboard.invalid" ? `${url.pathname}${url.search}` : "/dashboard";
  } catch {
    return "/dashboard";
  }
}
