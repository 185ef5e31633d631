import { queryOptions } from "@tanstack/react-query";
import { bodyOf, client, dataOf } from "@/api/client";

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
