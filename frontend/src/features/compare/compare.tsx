"use client";

import { GitCompareArrows } from "lucide-react";
import dynamic from "next/dynamic";
import { Link } from "@/components/link";
import { parseAsString, useQueryStates } from "nuqs";
import { type Column, DataTable } from "@/components/data-table";
import { NotThere } from "@/components/not-there";
import { EmptyState, QueryView } from "@/components/states/states";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { type Fact, factsOf, groupsOf, type GroupSums, type SpanGroup } from "@/features/compare/differences";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { useTrace } from "@/features/trace/use-spans";
import { cn } from "@/lib/cn";
import { formatCount, formatDuration, formatTimestamp, MISSING, shortId } from "@/lib/format";

const SIDES = { a: parseAsString, b: parseAsString };

const TextDifference = dynamic(() => import("@/features/compare/text-difference").then((module) => module.TextDifference), {
  ssr: false,
  loading: () => <Skeleton className="h-16" />,
});

/** Two traces beside each other: what they were, what they answered, and where their time went. */
export function Compare() {
  const [{ a, b }, setSides] = useQueryStates(SIDES);
  return (
    <>
      <PageHeader
        title="Compare traces"
        actions={a && b ? <Button onClick={() => void setSides({ a: b, b: a })}>Swap</Button> : null}
      />
      <PageBody>
        {a && b ? (
          <Both first={a} second={b} />
        ) : (
          <EmptyState
            icon={<GitCompareArrows aria-hidden />}
            title="Choose two traces"
            action={
              <Button asChild>
                <Link href="/traces">Traces</Link>
              </Button>
            }
          >
            Open a trace and choose Compare to put another beside it.
          </EmptyState>
        )}
      </PageBody>
    </>
  );
}

function Both({ first, second }: { first: string; second: string }) {
  const one = useTrace(first);
  const other = useTrace(second);
  return (
    <NotThere query={one.trace} noun="trace" listHref="/traces">
      <NotThere query={other.trace} noun="trace" listHref="/traces">
        <QueryView query={one.trace} skeleton={<Skeleton className="h-96" />}>
          {(a) => (
            <QueryView query={other.trace} skeleton={<Skeleton className="h-96" />}>
              {(b) => (
                <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
                  <Card title="What they were">
                    <Facts facts={factsOf(a, b)} headings={[a, b]} />
                  </Card>
                  <div className="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-2">
                    <Card title="Input">
                      <TextDifference first={a.input_preview ?? ""} second={b.input_preview ?? ""} />
                    </Card>
                    <Card title="Output">
                      <TextDifference first={a.output_preview ?? ""} second={b.output_preview ?? ""} />
                    </Card>
                  </div>
                  <Card title="Spans by kind and name" aside={one.isComplete && other.isComplete ? null : <span className="text-xs text-muted">still loading…</span>}>
                    <DataTable
                      label="Spans by kind and name"
                      name="spans"
                      columns={COLUMNS}
                      rows={groupsOf(
                        one.tree.nodes.map(({ span }) => span),
                        other.tree.nodes.map(({ span }) => span),
                      )}
                      keyOf={(row) => row.key}
                      initialSort={{ key: "change", isDescending: true }}
                      most={30}
                    />
                  </Card>
                </div>
              )}
            </QueryView>
          )}
        </QueryView>
      </NotThere>
    </NotThere>
  );
}

interface Heading {
  trace_id: string;
  start_time: string;
}

function Facts({ facts, headings }: { facts: readonly Fact[]; headings: readonly Heading[] }) {
  return (
    <div className="-mx-4 overflow-x-auto px-4" role="region" aria-label="What they were" tabIndex={0}>
      <table className="w-full text-sm" aria-label="What they were">
        <thead className="text-left text-xs text-muted">
          <tr>
            <th scope="col" className="h-8 pr-3">
              <span className="sr-only">Fact</span>
            </th>
            {headings.map(({ trace_id: id, start_time: start }, index) => (
              <th key={index} scope="col" className="px-3 font-medium whitespace-nowrap">
                <Link href={`/traces/${encodeURIComponent(id)}`} className="font-mono text-accent hover:underline" title={id}>
                  {shortId(id, 20)}
                </Link>
                <span className="block font-normal">{formatTimestamp(start)}</span>
              </th>
            ))}
            <th scope="col" className="pl-3 font-medium">
              Difference
            </th>
          </tr>
        </thead>
        <tbody>
          {facts.map(({ name, first, second, change, isSame }) => (
            <tr key={name} className={cn("h-9 border-t border-line", isSame && "text-muted")}>
              <th scope="row" className="pr-3 text-left font-normal text-muted">
                {name}
              </th>
              <td className="tabular px-3">{first}</td>
              <td className={cn("tabular px-3", !isSame && "font-medium")}>{second}</td>
              <td className="tabular pl-3 whitespace-nowrap">{change?.text ?? (isSame ? "same" : "other")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const COLUMNS: readonly Column<SpanGroup>[] = [
  {
    key: "name",
    label: "Name",
    value: (row) => row.name,
    cell: (row) => (
      <span className="inline-block max-w-80 truncate align-middle" title={row.name}>
        {row.name}
      </span>
    ),
  },
  { key: "kind", label: "Kind", value: (row) => row.kind, cell: (row) => <Badge>{row.kind}</Badge> },
  ...(["first", "second"] as const).flatMap((side): Column<SpanGroup>[] => {
    const label = side === "first" ? "First" : "Second";
    const sums = (row: SpanGroup): GroupSums | null => row[side];
    return [
      {
        key: `${side}_count`,
        label: `${label}: spans`,
        align: "right",
        value: (row) => sums(row)?.count ?? null,
        cell: (row) => {
          const found = sums(row);
          return found === null ? MISSING : `${formatCount(found.count)}${found.failed > 0 ? ` (${formatCount(found.failed)} failed)` : ""}`;
        },
      },
      { key: `${side}_time`, label: `${label}: time`, align: "right", value: (row) => sums(row)?.duration ?? null, cell: (row) => formatDuration(sums(row)?.duration) },
    ];
  }),
  {
    key: "change",
    label: "Difference",
    align: "right",
    hint: "In time, the second less the first",
    value: (row) => Math.abs(differenceOf(row)),
    cell: (row) => {
      const difference = differenceOf(row);
      return difference === 0 ? "same" : `${difference > 0 ? "+" : "−"}${formatDuration(Math.abs(difference))}`;
    },
  },
];

function differenceOf({ first, second }: SpanGroup): number {
  return (second?.duration ?? 0) - (first?.duration ?? 0);
}
