import { diffWordsWithSpace } from "diff";
import { useMemo } from "react";

/** Longer texts are shown one after the other: finding what differs would take too long. */
const LONGEST = 20_000;

/** Two texts as one, with what only the first has struck out, and what only the second has marked. */
export function TextDifference({ first, second }: { first: string; second: string }) {
  const parts = useMemo(() => (first.length + second.length > LONGEST ? null : diffWordsWithSpace(first, second)), [first, second]);
  if (parts === null) return <p className="text-sm text-muted">These texts are too long to be compared word by word.</p>;
  return (
    <p className="text-sm break-words whitespace-pre-wrap">
      {parts.map(({ value, added, removed }, index) =>
        added ? (
          <ins key={index} className="rounded-xs bg-good-soft text-good no-underline">
            {value}
          </ins>
        ) : removed ? (
          <del key={index} className="rounded-xs bg-bad-soft text-bad">
            {value}
          </del>
        ) : (
          <span key={index}>{value}</span>
        ),
      )}
    </p>
  );
}
