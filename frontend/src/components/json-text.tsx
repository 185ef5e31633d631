import { CopyButton } from "@/components/ui/copy-button";

/** A document as indented text; whatever it holds stays text. */
export function JsonText({ title, value }: { title: string; value: unknown }) {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
  return (
    <section className="min-w-0">
      <div className="mb-1 flex items-center justify-between gap-2">
        <h3 className="text-sm font-medium">{title}</h3>
        <CopyButton text={text} label={`Copy: ${title}`} />
      </div>
      <pre tabIndex={0} className="max-h-[50vh] overflow-auto rounded-md bg-raised p-3 font-mono text-xs leading-relaxed break-words whitespace-pre-wrap">
        {text}
      </pre>
    </section>
  );
}
