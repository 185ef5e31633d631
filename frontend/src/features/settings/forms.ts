import type { KeyRequest, MemberView } from "@/api/schema";

export type Role = "owner" | "admin" | "member" | "viewer" | "billing";
export type Scope = KeyRequest["scopes"][number];

/** Roles from the one that may most, with what they may. */
export const ROLES: Readonly<Record<Role, { label: string; may: string; rank: number }>> = {
  owner: { label: "Owner", may: "Everything, and deleting the workspace", rank: 3 },
  admin: { label: "Administrator", may: "Everything but deleting the workspace", rank: 2 },
  member: { label: "Member", may: "See, send and export traces, save views, make API keys", rank: 1 },
  viewer: { label: "Viewer", may: "See traces and figures", rank: 0 },
  billing: { label: "Billing", may: "See costs, set budgets", rank: 0 },
};
const NAMES: readonly Role[] = ["owner", "admin", "member", "viewer", "billing"];

/** What keys can be for, and what whoever makes such a key must be allowed to do. */
export const SCOPES: readonly { scope: Scope; label: string; may: string; needs: readonly string[] }[] = [
  { scope: "ingest", label: "Send", may: "Send traces, logs, scores and feedback, and ask what became of them", needs: ["ingest", "receipts:read"] },
  { scope: "read", label: "Read", may: "Read traces, sessions, users and figures", needs: ["read", "receipts:read"] },
  { scope: "write", label: "Write", may: "Save views, export traces and run jobs", needs: ["write"] },
  { scope: "admin", label: "Administer", may: "Manage members and settings, delete traces, replay what failed", needs: ["admin", "workspace:read"] },
];

export function roleOf(name: string | null): Role | null {
  return NAMES.find((role) => role === name) ?? null;
}

/** How a role is called; roles that this page does not know keep their name. */
export function roleLabel(name: string): string {
  const role = roleOf(name);
  return role === null ? name : ROLES[role].label;
}

/** Roles that somebody of a role may give: none above the own. */
export function givableRoles(own: string | null): Role[] {
  const role = roleOf(own);
  return role === null ? [] : NAMES.filter((name) => ROLES[name].rank <= ROLES[role].rank);
}

/** Whether somebody may change or remove a member: nobody above themselves, and never the last owner. */
export function mayChangeMember(own: string | null, member: MemberView, members: readonly MemberView[]): boolean {
  const [mine, theirs] = [roleOf(own), roleOf(member.role)];
  if (mine === null || theirs === null || ROLES[mine].rank < ROLES[theirs].rank) return false;
  return theirs !== "owner" || members.filter(({ role }) => role === "owner").length > 1;
}

/** Scopes that a key may have: nobody hands out what they may not do themselves. */
export function givableScopes(permissions: readonly string[]) {
  return SCOPES.filter(({ needs }) => needs.every((permission) => permissions.includes(permission)));
}

export function scopeLabel(name: string): string {
  return SCOPES.find(({ scope }) => scope === name)?.label ?? name;
}

/** A number of days as it was typed; one that is none is left for the gateway to refuse, at its field. */
export function readDays(text: string): number {
  return text === "" ? 0 : Number(text);
}

export const LIFETIMES = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "never", label: "Never" },
] as const;
export type Lifetime = (typeof LIFETIMES)[number]["value"];

const DAY_MS = 86_400_000;
const SOON_MS = 7 * DAY_MS;

/** When a key made now ends, null for never. */
export function expiryOf(lifetime: Lifetime, now: Date): string | null {
  return lifetime === "never" ? null : new Date(now.getTime() + Number(lifetime) * DAY_MS).toISOString();
}

/** Whether a key has ended, ends within a week, or neither. */
export function expiryState(expiresAt: string | null, now: Date): "ended" | "soon" | "later" {
  if (expiresAt === null) return "later";
  const left = Date.parse(expiresAt) - now.getTime();
  return left <= 0 ? "ended" : left <= SOON_MS ? "soon" : "later";
}
