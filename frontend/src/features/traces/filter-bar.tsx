"use client";

import { Search, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { inputClass } from "@/components/ui/field";
import { Button } from "@/components/ui/button";
import { definitionOf, type Filter, readTyped } from "@/features/traces/filters";
import type { TraceList } from "@/features/traces/state";
import { cn } from "@/lib/cn";
import { formatDuration } from "@/lib/format";

/** Where filters are typed; what holds stands below, each to be taken away. */
export function FilterBar({ list }: { list: TraceList }) {
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [text, setText] = useState("");
  function submit(event: FormEvent) {
    event.preventDefault();
    const typed = readTyped(text);
    setProblems(typed.problems);
    if (typed.problems.length > 0) return;
    const names = new Set(typed.filters.map(({ name }) => name));
    list.replaceFilters([...list.filters.filter(({ name }) => !names.has(name)), ...typed.filters], typed.q || list.q);
    setText("");
  }
  const isFiltered = list.filters.length > 0 || list.q !== "";
  return (
    <div className="min-w-0 flex-1">
      <form onSubmit={submit} role="search" className="relative">
        <Search aria-hidden className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted" />
        <input
          data-search
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          // First it empties what was typed, as browsers have it; then it leads out, to the keys of the page.
          onKeyDown={(event) => event.key === "Escape" && text === "" && event.currentTarget.blur()}
          aria-label="Filter traces"
          aria-describedby="filter-help"
          placeholder='agent:support-bot status:error cost:>0.05 "refund"'
          className={cn(inputClass, "pl-8")}
        />
        <p id="filter-help" className="sr-only">
          Words look for what traces say. A name and a colon filter: agent, status, model, user, session, tag, tool, duration, cost, tokens.
        </p>
      </form>
      {problems.map((problem) => (
        <p key={problem} role="alert" className="mt-1 text-xs text-bad">
          {problem}
        </p>
      ))}
      {isFiltered ? (
        <ul aria-label="Filters" className="mt-2 flex flex-wrap items-center gap-1.5">
          {list.q === "" ? null : <Chip label="Words" value={list.q} onRemove={() => list.setQ("")} />}
          {list.filters.map((filter) => (
            <Chip
              key={filter.name}
              label={definitionOf(filter.name).label}
              value={valueOf(filter)}
              onRemove={() => list.setFilter(filter.name, [])}
            />
          ))}
          <li>
            <Button variant="ghost" size="sm" onClick={() => list.replaceFilters([], "")}>
              Clear all
            </Button>
          </li>
        </ul>
      ) : null}
    </div>
  );
}

/** What a filter asks for, as people read it. */
export function valueOf({ name, values }: Filter): string {
  const { kind, field } = definitionOf(name);
  if (kind === "flag") return values[0] === "true" ? "yes" : "no";
  if (kind === "bound" && field.endsWith("_ms")) return formatDuration(values[0]);
  return values.join(name === "tags" ? " and " : " or ");
}

function Chip({ label, value, onRemove }: { label: string; value: string; onRemove: () => void }) {
  return (
    <li className="inline-flex h-7 max-w-full items-center gap-1 rounded-md bg-accent-soft pr-0.5 pl-2 text-xs">
      <span className="text-muted">{label}</span>
      <span className="max-w-64 truncate font-medium text-accent">{value}</span>
      <button type="button" aria-label={`Remove ${label} ${value}`} onClick={onRemove} className="rounded-sm p-1 text-muted hover:text-text">
        <X className="size-3" aria-hidden />
      </button>
    </li>
  );
}
