import { CopyButton } from "@/components/ui/copy-button";

/** A secret that is shown this once. */
export function ShownOnce({ text, label, children }: { text: string; label: string; children: string }) {
  return (
    <div className="min-w-0">
      <div className="flex items-center gap-2 rounded-md border border-line bg-raised py-1 pr-1 pl-3">
        <code className="min-w-0 flex-1 truncate font-mono text-sm" aria-label={label} data-secret>
          {text}
        </code>
        <CopyButton text={text} label={`Copy the ${label.toLowerCase()}`} />
      </div>
      <p className="mt-2 text-sm text-muted">{children}</p>
    </div>
  );
}
