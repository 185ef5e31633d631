import { queryOptions, useQuery } from "@tanstack/react-query";
import { useChange } from "@/api/change";
import { bodyOf, client, dataOf } from "@/api/client";
import type { InvitationRequest, KeyRequest, MeAnswer, PasswordChange, ProfileChange, RoleChange, WorkspaceUpdate } from "@/api/schema";

export const accountKeys = {
  me: ["account", "me"] as const,
  workspaces: ["account", "workspaces"] as const,
  members: ["account", "members"] as const,
  keys: ["account", "keys"] as const,
};

export const meQuery = () =>
  queryOptions({
    queryKey: accountKeys.me,
    queryFn: ({ signal }) => bodyOf(client.GET("/api/v1/auth/me", { signal })),
    staleTime: 60_000,
  });

export const workspacesQuery = () =>
  queryOptions({
    queryKey: accountKeys.workspaces,
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/workspaces", { signal })),
    staleTime: 60_000,
  });

export const membersQuery = () =>
  queryOptions({
    queryKey: accountKeys.members,
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/team/members", { signal })),
  });

export const apiKeysQuery = () =>
  queryOptions({
    queryKey: accountKeys.keys,
    queryFn: async ({ signal }) => (await bodyOf(client.GET("/api/v1/api-keys", { signal }))).api_keys,
  });

/** Who is signed in; undefined until that is known. */
export function useMe(): MeAnswer | undefined {
  return useQuery(meQuery()).data;
}

const NOTHING: readonly string[] = [];

/** What the role of who is signed in allows in the workspace; nothing until that is known. The gateway decides in any case. */
export function usePermissions(): readonly string[] {
  return useMe()?.permissions ?? NOTHING;
}

/** Whether it allows something, such as `cost:write`. */
export function useMay(permission: string): boolean {
  return usePermissions().includes(permission);
}

/** Makes a workspace that the caller owns; the session stays in the one it is in. */
export const createWorkspace = (name: string) =>
  dataOf(client.POST("/api/v1/workspaces", { body: { name, description: "", timezone: "UTC" } }));

export const useUpdateWorkspace = () =>
  useChange((body: WorkspaceUpdate) => dataOf(client.PUT("/api/v1/workspace", { body })), [accountKeys.me, accountKeys.workspaces]);

/** Invalidates nothing: nothing of the workspace can be asked for afterwards. */
export const useDeleteWorkspace = () => useChange(() => dataOf(client.DELETE("/api/v1/workspace")), []);

export const useInvite = () => useChange((body: InvitationRequest) => dataOf(client.POST("/api/v1/team/invite", { body })), []);

export const useChangeRole = () =>
  useChange(
    ({ memberId, role }: RoleChange & { memberId: string }) =>
      dataOf(client.PUT("/api/v1/team/members/{member_id}/role", { params: { path: { member_id: memberId } }, body: { role } })),
    // Keys that go beyond the new role have been revoked, and it may be the caller's own.
    [accountKeys.members, accountKeys.keys, accountKeys.me],
  );

export const useRemoveMember = () =>
  useChange(
    (memberId: string) => dataOf(client.DELETE("/api/v1/team/members/{member_id}", { params: { path: { member_id: memberId } } })),
    [accountKeys.members, accountKeys.keys],
  );

export const useCreateKey = () => useChange((body: KeyRequest) => bodyOf(client.POST("/api/v1/api-keys", { body })), [accountKeys.keys]);

export const useRevokeKey = () =>
  useChange((keyId: string) => bodyOf(client.DELETE("/api/v1/api-keys/{key_id}", { params: { path: { key_id: keyId } } })), [accountKeys.keys]);

export const useUpdateProfile = () =>
  useChange((body: ProfileChange) => bodyOf(client.PUT("/api/v1/auth/me", { body })), [accountKeys.me, accountKeys.members]);

export const useChangePassword = () => useChange((body: PasswordChange) => bodyOf(client.POST("/api/v1/auth/change-password", { body })), []);
