import { Check } from "lucide-react";

/** Says that a form was saved, to those who listen too. */
export function Saved({ when, children = "Saved" }: { when: boolean; children?: string }) {
  return (
    <p role="status" className="flex items-center gap-1.5 text-sm text-good">
      {when ? (
        <>
          <Check aria-hidden className="size-4 shrink-0" />
          {children}
        </>
      ) : null}
    </p>
  );
}
