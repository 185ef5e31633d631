import { diffWordsWithSpace } from "diff";
import { useMemo } from "react";
import { cn } from "@/lib/cn";

/** Of longer texts finding what differs would take too long. */
const LONGEST = 20_000;

/** Of texts that share less than this, a word here and there is the same by chance. */
const LEAST_SHARED = 0.4;

/** Two texts as one, with what only the first has struck out and what only the second has marked; one after the other where little is the same. */
export function TextDifference({ first, second }: { first: string; second: string }) {
  const parts = useMemo(() => (first.length + second.length > LONGEST ? [] : diffWordsWithSpace(first, second)), [first, second]);
  const shared = parts.reduce((sum, { value, added, removed }) => sum + (added || removed ? 0 : value.length), 0);
  const shown = shared >= LEAST_SHARED * Math.max(first.length, second.length) ? parts : [{ value: first, removed: true }, { value: second, added: true }];
  return (
    <p className="text-sm break-words whitespace-pre-wrap">
      {shown.map(({ value, added, removed }, index) =>
        added ? (
          <ins key={index} className={cn("rounded-xs bg-good-soft text-good no-underline", shown !== parts && "mt-2 block p-1")}>
            {value}
          </ins>
        ) : removed ? (
          <del key={index} className={cn("rounded-xs bg-bad-soft text-bad", shown !== parts && "block p-1 no-underline")}>
            {value}
          </del>
        ) : (
          <span key={index}>{value}</span>
        ),
      )}
    </p>
  );
}
