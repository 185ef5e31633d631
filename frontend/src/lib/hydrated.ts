import { useSyncExternalStore } from "react";

const subscribe = () => () => {};

/** Whether the component is past its first drawing in the browser, which has to be that of the server. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => true,
    () => false,
  );
}
