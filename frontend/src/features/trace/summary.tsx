import { TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import type { TraceWithSpans } from "@/api/schema";
import { Link } from "@/components/link";
import { StatusBadge } from "@/components/status";
import { CopyButton } from "@/components/ui/copy-button";
import { Tooltip } from "@/components/ui/tooltip";
import { pathWith } from "@/features/range/range";
import { COST_SOURCES } from "@/features/trace/provenance";
import { TagList } from "@/features/trace/span-panel";
import { formatCount, formatDuration, formatExact, formatMoney, formatTimestamp, shortId } from "@/lib/format";

/** What a trace was, in one strip: how it ended, how long, for how much, by whom. */
export function Summary({ trace }: { trace: TraceWithSpans }) {
  return (
    <div className="border-b border-line bg-surface px-4 py-3">
      <dl className="flex flex-wrap items-start gap-x-6 gap-y-2 text-sm">
        <Item name="Status">
          <StatusBadge status={trace.status} />
        </Item>
        <Item name="Duration">{formatDuration(trace.duration_ms)}</Item>
        <Item name="Cost">
          <Tooltip text={`Found ${COST_SOURCES[trace.cost_source] ?? trace.cost_source}`}>
            <button type="button" className="underline decoration-dotted underline-offset-4">
              {formatMoney(trace.cost_usd)}
            </button>
          </Tooltip>
        </Item>
        <Item name="Tokens">
          <span title={`${formatExact(trace.tokens_input)} in, ${formatExact(trace.tokens_cached)} of them cached; ${formatExact(trace.tokens_output)} out`}>
            {formatCount(trace.tokens_input)} in · {formatCount(trace.tokens_output)} out
          </span>
        </Item>
        <Item name="Calls">
          {formatCount(trace.llm_call_count)} model · {formatCount(trace.tool_call_count)} tool
        </Item>
        {trace.models.length > 0 ? <Item name="Model">{trace.models.join(", ")}</Item> : null}
        {trace.agent_id ? <Item name="Agent">{linkTo(pathWith("/traces", new URLSearchParams(), { agent_id: trace.agent_id }), trace.agent_id)}</Item> : null}
        {trace.session_id ? <Item name="Session">{linkTo(`/sessions/${encodeURIComponent(trace.session_id)}`, shortId(trace.session_id, 20))}</Item> : null}
        {trace.user_id ? <Item name="User">{linkTo(`/users/${encodeURIComponent(trace.user_id)}`, shortId(trace.user_id, 20))}</Item> : null}
        {trace.environment ? <Item name="Environment">{trace.environment}</Item> : null}
        {trace.release ? <Item name="Release">{trace.release}</Item> : null}
        <Item name="Started">{formatTimestamp(trace.start_time)}</Item>
        {trace.tags.length > 0 ? (
          <Item name="Tags">
            <TagList tags={trace.tags} />
          </Item>
        ) : null}
        {Object.keys(trace.scores).length > 0 ? (
          <Item name="Scores">
            {Object.entries(trace.scores)
              .map(([name, value]) => `${name} ${String(value)}`)
              .join(" · ")}
          </Item>
        ) : null}
        <Item name="Trace id">
          <span className="-my-1 inline-flex items-center gap-1">
            <code className="font-mono text-xs" title={trace.trace_id}>
              {shortId(trace.trace_id, 20)}
            </code>
            <CopyButton text={trace.trace_id} label="Copy the trace id" />
          </span>
        </Item>
      </dl>
      {trace.cost_source === "partial" || trace.cost_source === "unpriced" ? (
        <p className="mt-2 flex items-center gap-1.5 text-xs text-warn">
          <TriangleAlert className="size-3.5 shrink-0" aria-hidden />
          {trace.cost_source === "partial"
            ? "Some calls of this trace have no known price, so its cost is more than shown."
            : trace.llm_call_count > 0
              ? "No call of this trace has a known price."
              : "Nothing in this trace has a price."}
        </p>
      ) : null}
    </div>
  );
}

function Item({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="tabular mt-0.5 max-w-xs truncate">{children}</dd>
    </div>
  );
}

function linkTo(href: string, text: string) {
  return (
    <Link href={href} className="text-accent hover:underline">
      {text}
    </Link>
  );
}
