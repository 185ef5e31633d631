import { useQuery } from "@tanstack/react-query";
import { meQuery } from "@/api/account";

/** Whether the role of who is signed in allows something, such as `cost:write`; false until that is known. The gateway decides in any case. */
export function useMay(permission: string): boolean {
  return useQuery(meQuery()).data?.permissions.includes(permission) ?? false;
}
