import { useQuery } from "@tanstack/react-query";
import { useMay } from "@/api/account";
import { activityQuery } from "@/api/figures";

/** So many traces the feed of the home shows; whoever only asks whether there are any shares its answer. */
export const FEED_ROWS = 12;
/** Without live events the first trace is looked for this often. */
const LOOK_MS = 3_000;

/** Whether the workspace has a trace of the last month; undefined until that is known. */
export function useHasTraces(): boolean | undefined {
  const mayRead = useMay("read");
  const activity = useQuery({
    ...activityQuery({ limit: FEED_ROWS }),
    enabled: mayRead,
    refetchInterval: (query) => (query.state.data?.length === 0 ? LOOK_MS : false),
  });
  return activity.data === undefined ? undefined : activity.data.length > 0;
}
