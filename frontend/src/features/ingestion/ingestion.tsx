"use client";

import { useQuery } from "@tanstack/react-query";
import { Inbox } from "lucide-react";
import { apiKeysQuery, useMay } from "@/api/account";
import { ingestionHealthQuery } from "@/api/operations";
import type { IngestionHealth, KeyView } from "@/api/schema";
import { type Column, DataTable } from "@/components/data-table";
import { EmptyState, QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { PageBody } from "@/features/frame/page-header";
import { clientAccount, keyName, reasonText, serverAccount } from "@/features/ingestion/accounts";
import { DeadLetters } from "@/features/ingestion/dead-letters";
import { Equation } from "@/features/ingestion/equation";
import { useRange } from "@/features/range/range";
import { RangedHeader } from "@/features/range/ranged-header";
import { formatCount, formatDuration, formatExact, formatPerSecond, toNumber } from "@/lib/format";

export function Ingestion() {
  const { scope } = useRange();
  const { range, from, to } = scope;
  const mayReplay = useMay("admin");
  const health = useQuery(ingestionHealthQuery({ ...(range ? { range } : {}), ...(from ? { from } : {}), ...(to ? { to } : {}) }));
  return (
    <>
      <RangedHeader title="Ingestion" byEnvironment={false} />
      <PageBody>
        <QueryView query={health} skeleton={<HealthSkeleton />}>
          {(data) => <Health health={data} />}
        </QueryView>
        {mayReplay ? (
          <DeadLetters reasons={health.data?.by_reason.map(({ reason }) => reason) ?? []} />
        ) : (
          <Card title="Dead letters">
            <p className="text-sm text-muted">Owners and administrators of the workspace see what could not be stored, and replay it.</p>
          </Card>
        )}
      </PageBody>
    </>
  );
}

function Health({ health }: { health: IngestionHealth }) {
  const { lag_seconds: lag } = health;
  const reported = clientAccount(health);
  return (
    <div className="grid gap-4">
      <Card title="What became of what was sent" aside={<span className="text-xs text-muted">spans; log records and scores count as spans do</span>}>
        <Equation label="What became of what was sent" name="Sent" account={serverAccount(health)} />
      </Card>
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-5">
        <Stat label="Time to store, median" value={formatDuration(inMilliseconds(lag.p50))} />
        <Stat label="Time to store, p95" value={formatDuration(inMilliseconds(lag.p95))} />
        <Stat label="Oldest that waits" value={lag.now === 0 ? "None" : formatDuration(inMilliseconds(lag.now))} note="whole platform, now" />
        <Stat label="Backlog" value={formatCount(health.backlog_spans)} note="whole platform, now" />
        <Stat label="Throughput" value={formatPerSecond(health.throughput_spans_per_s)} note="spans, over the range" />
      </dl>
      <Card title="What clients report">
        {reported === null ? (
          <p className="text-sm text-muted">
            No client has reported in this range. Those that do tell here how many spans they made, sampled out, and dropped before sending.
          </p>
        ) : (
          <Equation label="What clients report" name="Created" account={reported} />
        )}
      </Card>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)]">
        <ByKey health={health} />
        <ByReason health={health} />
      </div>
    </div>
  );
}

function inMilliseconds(seconds: number | null | undefined): number | null {
  return seconds === null || seconds === undefined ? null : seconds * 1000;
}

function Stat({ label, value, note }: { label: string; value: string; note?: string }) {
  return (
    <div className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <dt className="truncate text-xs text-muted">{label}</dt>
      <dd className="mt-1">
        <span className="tabular text-xl font-semibold" data-figure={label}>
          {value}
        </span>
        {note ? <span className="block truncate text-xs text-muted">{note}</span> : null}
      </dd>
    </div>
  );
}

type KeyCounts = IngestionHealth["by_key"][number];

function columnsOf(keys: readonly KeyView[] | undefined): readonly Column<KeyCounts>[] {
  const count = (key: "received_spans" | "stored_spans" | "duplicate_spans" | "rejected_spans" | "dead_lettered_spans", label: string): Column<KeyCounts> => ({
    key,
    label,
    align: "right",
    value: (row) => toNumber(row[key]),
    cell: (row) => formatExact(row[key]),
  });
  return [
    {
      key: "key",
      label: "Key",
      value: (row) => keyName(row, keys),
      cell: (row) => (
        <span className="inline-block max-w-60 truncate align-middle font-medium" title={row.key_id ?? undefined}>
          {keyName(row, keys)}
        </span>
      ),
    },
    count("received_spans", "Sent"),
    count("stored_spans", "Stored"),
    count("duplicate_spans", "Duplicate"),
    count("rejected_spans", "Rejected"),
    count("dead_lettered_spans", "Dead-lettered"),
  ];
}

const REASON_COLUMNS: readonly Column<IngestionHealth["by_reason"][number]>[] = [
  {
    key: "reason",
    label: "Reason",
    value: (row) => row.reason,
    cell: ({ reason }) => (
      <>
        {reasonText(reason)} <code className="ml-1 font-mono text-xs text-muted">{reason}</code>
      </>
    ),
  },
  { key: "count", label: "Spans", align: "right", value: (row) => toNumber(row.count), cell: (row) => formatExact(row.count) },
];

function ByKey({ health }: { health: IngestionHealth }) {
  const mayKeys = useMay("keys");
  const keys = useQuery({ ...apiKeysQuery(), enabled: mayKeys });
  return (
    <Card title="By API key">
      {health.by_key.length === 0 ? (
        <EmptyState icon={<Inbox aria-hidden />} title="Nothing was sent in this range" />
      ) : (
        <DataTable
          label="By API key"
          name="keys"
          columns={columnsOf(keys.data)}
          rows={health.by_key}
          keyOf={(row) => row.key_id ?? "members"}
          initialSort={{ key: "received_spans", isDescending: true }}
        />
      )}
    </Card>
  );
}

function ByReason({ health }: { health: IngestionHealth }) {
  return (
    <Card title="Why something was not stored">
      {health.by_reason.length === 0 ? (
        <EmptyState icon={<Inbox aria-hidden />} title="Nothing was refused or failed" />
      ) : (
        <DataTable
          label="Why something was not stored"
          name="reasons"
          columns={REASON_COLUMNS}
          rows={health.by_reason}
          keyOf={(row) => row.reason}
          initialSort={{ key: "count", isDescending: true }}
        />
      )}
    </Card>
  );
}

function HealthSkeleton() {
  return (
    <div className="grid gap-4">
      <Skeleton className="h-39 rounded-lg" />
      <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-5">
        {Array.from({ length: 5 }, (_, index) => (
          <Skeleton key={index} className="h-22 rounded-lg" />
        ))}
      </div>
      <Skeleton className="h-24 rounded-lg" />
      <Skeleton className="h-48 rounded-lg" />
    </div>
  );
}
