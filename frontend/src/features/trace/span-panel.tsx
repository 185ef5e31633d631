"use client";

import { useQuery } from "@tanstack/react-query";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import type { ReactNode } from "react";
import type { Span, SpanWithPayload } from "@/api/schema";
import { spanQuery } from "@/api/traces";
import { JsonView, LongText } from "@/components/json-view";
import { QueryView } from "@/components/states/states";
import { StatusBadge } from "@/components/status";
import { Badge } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { Skeleton } from "@/components/ui/skeleton";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { Conversation } from "@/features/trace/conversation";
import { KINDS } from "@/features/trace/kinds";
import { COST_SOURCES } from "@/features/trace/provenance";
import { selfTime, type Tree } from "@/features/trace/tree";
import { formatDuration, formatExact, formatMoney, formatTimestamp } from "@/lib/format";

const TABS = ["content", "attributes", "events", "raw"] as const;

/** One span: facts, content, attributes, events and logs, and all of it as it is answered. */
export function SpanPanel({ traceId, tree, span }: { traceId: string; tree: Tree; span: Span }) {
  const [tab, setTab] = useQueryState("tab", parseAsStringLiteral(TABS).withDefault("content"));
  const payload = useQuery(spanQuery(traceId, span.span_id));
  const { icon: Icon, label, colour } = KINDS[span.kind];
  const index = tree.byId.get(span.span_id) ?? -1;
  return (
    <section aria-label={`Span ${span.name}`} className="grid gap-4 p-4">
      <header>
        <p className="flex items-center gap-1.5 text-xs text-muted">
          <Icon className="size-3.5" style={{ color: colour }} aria-hidden />
          {label}
          {span.service ? <span>· {span.service}</span> : null}
        </p>
        <div className="mt-0.5 flex flex-wrap items-center gap-2">
          <h2 className="min-w-0 text-lg font-semibold break-words">{span.name}</h2>
          <StatusBadge status={span.status} />
        </div>
        <dl className="mt-2 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm sm:grid-cols-[auto_minmax(0,1fr)_auto_minmax(0,1fr)]">
          <Fact name="Duration">{formatDuration(span.duration_ms)}</Fact>
          <Fact name="Self">{formatDuration(selfTime(tree, index))}</Fact>
          {span.model ? (
            <Fact name="Model">
              {span.model}
              {span.model_requested && span.model_requested !== span.model ? <span className="text-muted"> · asked for {span.model_requested}</span> : null}
            </Fact>
          ) : null}
          {span.tokens_total !== null ? (
            <Fact name="Tokens">
              <span title="in, of which cached; out, of which reasoning">
                {formatExact(span.tokens_input)} in
                {span.tokens_cached ? <span className="text-muted"> ({formatExact(span.tokens_cached)} cached)</span> : null} ·{" "}
                {formatExact(span.tokens_output)} out
                {span.tokens_reasoning ? <span className="text-muted"> ({formatExact(span.tokens_reasoning)} reasoning)</span> : null}
              </span>
            </Fact>
          ) : null}
          {span.tokens_total !== null || span.cost_usd !== null ? (
            <Fact name="Cost">
              {formatMoney(span.cost_usd)} <span className="text-muted">{COST_SOURCES[span.cost_source]}</span>
            </Fact>
          ) : null}
          {span.ttft_ms !== null ? <Fact name="First token">{formatDuration(span.ttft_ms)}</Fact> : null}
          {span.agent_id ? <Fact name="Agent">{span.agent_id}</Fact> : null}
          <Fact name="Started">{formatTimestamp(span.start_time)}</Fact>
          <Fact name="Span id">
            <span className="inline-flex h-5 items-center gap-1">
              <code className="font-mono text-xs">{span.span_id}</code>
              <CopyButton text={span.span_id} label="Copy the span id" />
            </span>
          </Fact>
        </dl>
        {span.error ? <ErrorBox error={span.error} /> : null}
      </header>
      <Tabs value={tab} onValueChange={(next) => void setTab(TABS.find((name) => name === next) ?? "content")}>
        <TabsList aria-label="Parts of the span">
          <TabsTrigger value="content">Content</TabsTrigger>
          <TabsTrigger value="attributes">Attributes</TabsTrigger>
          <TabsTrigger value="events">Events and logs</TabsTrigger>
          <TabsTrigger value="raw">Raw</TabsTrigger>
        </TabsList>
        <QueryView query={payload} skeleton={<Skeleton className="mt-4 h-72" />}>
          {(data) => (
            <>
              <TabsContent value="content" className="mt-4 grid gap-4">
                <Content span={data} />
              </TabsContent>
              <TabsContent value="attributes" className="mt-4 grid gap-4">
                <Part title="Attributes" value={data.attributes} />
                <Part title="Parameters" value={data.parameters} />
                <Part title="Resource" value={data.resource} />
                <Part title="Instrumentation" value={data.scope} />
                {data.dropped_attributes_count > 0 ? <p className="text-sm text-warn">{data.dropped_attributes_count} attributes were dropped by the sender.</p> : null}
              </TabsContent>
              <TabsContent value="events" className="mt-4 grid gap-4">
                <Part title="Events" value={data.events} />
                <Part title="Logs" value={data.logs} />
                <Part title="Links" value={data.links} />
                {data.events.length + data.logs.length + data.links.length === 0 ? <p className="text-sm text-muted">This span has no events, logs or links.</p> : null}
              </TabsContent>
              <TabsContent value="raw" className="mt-4">
                <div className="mb-1 flex justify-end">
                  <CopyButton text={JSON.stringify(data, null, 2)} label="Copy the span as JSON" />
                </div>
                <JsonView value={data} />
              </TabsContent>
            </>
          )}
        </QueryView>
      </Tabs>
    </section>
  );
}

function Content({ span }: { span: SpanWithPayload }) {
  const talks = span.messages.length + span.output_messages.length > 0;
  const hasTool = span.tool_arguments !== null || span.tool_result !== null;
  const hasPlain = !talks && !hasTool && (span.input !== null || span.output !== null);
  if (!talks && !hasTool && !hasPlain && span.documents.length === 0) {
    return <p className="text-sm text-muted">{span.has_payload ? "Nothing that could be read as input or output: see attributes." : "This span was sent without content."}</p>;
  }
  return (
    <>
      {talks ? <Conversation messages={span.messages} answers={span.output_messages} /> : null}
      {hasTool ? (
        <>
          <Part title="Arguments" value={span.tool_arguments} keepsNull />
          <Part title="Result" value={span.tool_result} keepsNull />
        </>
      ) : null}
      {hasPlain ? (
        <>
          <Part title="Input" value={span.input} keepsNull />
          <Part title="Output" value={span.output} keepsNull />
        </>
      ) : null}
      {span.documents.length > 0 ? <Part title={`Documents (${span.documents.length})`} value={span.documents} /> : null}
      {span.tool_definitions.length > 0 ? (
        <details>
          <summary className="text-sm text-muted">{span.tool_definitions.length} tools offered to the model</summary>
          <div className="mt-2">
            <JsonView value={span.tool_definitions} />
          </div>
        </details>
      ) : null}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="tabular min-w-0 break-words">{children}</dd>
    </>
  );
}

export function ErrorBox({ error }: { error: { type: string | null; message: string | null } }) {
  return (
    <div className="mt-3 rounded-md border border-bad/40 bg-bad-soft px-3 py-2 text-sm">
      {error.type ? <p className="font-medium text-bad">{error.type}</p> : null}
      {error.message ? <LongText text={error.message} /> : null}
    </div>
  );
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0);
}

function Part({ title, value, keepsNull = false }: { title: string; value: unknown; keepsNull?: boolean }) {
  if (isEmpty(value) && !keepsNull) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <section>
      <div className="flex items-center justify-between">
        <h3 className="text-xs font-medium text-muted">{title}</h3>
        {value === null || value === undefined ? null : <CopyButton text={text} label={`Copy ${title.toLowerCase()}`} />}
      </div>
      <div className="overflow-x-auto rounded-md border border-line bg-surface p-2.5">
        {value === null || value === undefined ? (
          <span className="text-sm text-muted">None</span>
        ) : typeof value === "string" ? (
          <p className="text-sm">
            <LongText text={value} />
          </p>
        ) : (
          <JsonView value={value} />
        )}
      </div>
    </section>
  );
}

export function TagList({ tags }: { tags: readonly string[] }) {
  return (
    <span className="flex flex-wrap gap-1">
      {tags.map((tag) => (
        <Badge key={tag}>{tag}</Badge>
      ))}
    </span>
  );
}
