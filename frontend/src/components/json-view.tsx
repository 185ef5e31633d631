"use client";

import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";

/** Of a long list so many entries are shown at first, and so many more at a time. */
const STEP = 50;
/** Texts are cut after so many signs until asked for. */
const LONG_TEXT = 1_500;
/** Deeper values are closed at first. */
const OPEN_DEPTH = 2;

/** A value of any shape as a tree that opens; everything in it is text. */
export function JsonView({ value, name, depth = 0 }: { value: unknown; name?: string; depth?: number }) {
  if (value === null || typeof value !== "object") {
    return (
      <div className="flex gap-1.5 py-px font-mono text-xs">
        {name === undefined ? null : <Name text={name} />}
        <Scalar value={value} />
      </div>
    );
  }
  return <Branch value={value} depth={depth} {...(name === undefined ? {} : { name })} />;
}

function Branch({ value, name, depth }: { value: object; name?: string; depth: number }) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(STEP);
  const isList = Array.isArray(value);
  // Entries and not a lookup by key: a key may be __proto__.
  const entries: [string, unknown][] = isList ? value.map((item, index) => [String(index), item]) : Object.entries(value);
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <div className="font-mono text-xs">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex items-center gap-1 rounded-sm py-px hover:bg-raised">
        <Chevron className="size-3 shrink-0 text-muted" aria-hidden />
        {name === undefined ? null : <Name text={name} />}
        <span className="text-muted">{isList ? `[${entries.length}]` : `{${entries.length}}`}</span>
      </button>
      {open ? (
        <div className="ml-1.5 border-l border-line pl-3">
          {entries.slice(0, shown).map(([key, item]) => (
            <JsonView key={key} name={key} value={item} depth={depth + 1} />
          ))}
          {entries.length > shown ? (
            <button type="button" className="py-0.5 text-accent hover:underline" onClick={() => setShown(shown + STEP)}>
              {entries.length - shown} more
            </button>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}

function Name({ text }: { text: string }) {
  return <span className="shrink-0 text-accent">{text}:</span>;
}

function Scalar({ value }: { value: unknown }) {
  if (typeof value === "string") return <LongText text={value} className="text-text" />;
  if (value === undefined) return <span className="text-muted">undefined</span>;
  return <span className="text-chart-5">{String(value)}</span>;
}

/** A text of any length, as it is; its beginning until the rest is asked for. */
export function LongText({ text, className = "" }: { text: string; className?: string }) {
  const [whole, setWhole] = useState(text.length <= LONG_TEXT);
  return (
    <span className={`min-w-0 break-words whitespace-pre-wrap ${className}`}>
      {whole ? text : `${text.slice(0, LONG_TEXT)}…`}
      {whole ? null : (
        <button type="button" className="ml-1 text-accent hover:underline" onClick={() => setWhole(true)}>
          show all {text.length.toLocaleString("en-US")} characters
        </button>
      )}
    </span>
  );
}
