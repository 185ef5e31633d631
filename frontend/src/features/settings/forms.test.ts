import { describe, expect, it } from "vitest";
import type { MemberView } from "@/api/schema";
import { expiryOf, expiryState, givableRoles, givableScopes, mayChangeMember, roleLabel } from "@/features/settings/forms";

const member = (role: string): MemberView => ({ id: role, email: "", full_name: role, role, joined_at: "", last_login_at: null });
const owner = member("owner");

describe("roles", () => {
  it("are given up to the own", () => {
    expect(givableRoles("admin")).toEqual(["admin", "member", "viewer", "billing"]);
    expect(givableRoles("owner")).toContain("owner");
    expect(givableRoles(null)).toEqual([]);
    expect(givableRoles("unheard of")).toEqual([]);
  });
  it("keep their name where the page does not know them", () => expect([roleLabel("admin"), roleLabel("auditor")]).toEqual(["Administrator", "auditor"]));
  it("are not changed above the own, nor those of the last owner", () => {
    expect(mayChangeMember("admin", member("member"), [owner])).toBe(true);
    expect(mayChangeMember("admin", owner, [owner, owner])).toBe(false);
    expect(mayChangeMember("owner", owner, [owner, member("admin")])).toBe(false);
    expect(mayChangeMember("owner", owner, [owner, member("owner")])).toBe(true);
  });
});

it("offers only scopes that the caller holds", () => {
  expect(givableScopes(["ingest", "receipts:read", "read", "write", "keys"]).map(({ scope }) => scope)).toEqual(["ingest", "read", "write"]);
  expect(givableScopes([])).toEqual([]);
});

describe("keys", () => {
  const now = new Date("2026-11-03T12:00:00Z");
  it("end after their time, or never", () => {
    expect(expiryOf("30", now)).toBe("2026-12-03T12:00:00.000Z");
    expect(expiryOf("never", now)).toBeNull();
  });
  it.each([[null, "later"], ["2026-11-03T12:00:00Z", "ended"], ["2026-11-10T12:00:00Z", "soon"], ["2026-11-10T12:00:01Z", "later"]])("tell of %s as %s", (at, state) =>
    expect(expiryState(at, now)).toBe(state),
  );
});
