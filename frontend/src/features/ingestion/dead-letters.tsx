"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { Archive, RotateCcw } from "lucide-react";
import { Link } from "@/components/link";
import dynamic from "next/dynamic";
import { parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { useState } from "react";
import { deadLettersQuery, useReplay } from "@/api/operations";
import type { DeadLetter } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { type Column, DataTable } from "@/components/data-table";
import { MoreRows } from "@/components/more-rows";
import { EmptyState, NothingFound, QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/select";
import { TableSkeleton } from "@/components/table-skeleton";
import { reasonText } from "@/features/ingestion/accounts";
import { LETTER_STATES, letterStateLabel, LetterState } from "@/features/ingestion/letter-state";
import { ReplayDialog } from "@/features/ingestion/replay-dialog";
import { shortId } from "@/lib/format";

const LetterSheet = dynamic(() => import("@/features/ingestion/letter-sheet").then((module) => module.LetterSheet), { ssr: false });

const ANY = "any";

/** What could not be stored, for administrators: to look at, and to send through processing again. */
export function DeadLetters({ reasons }: { reasons: readonly string[] }) {
  const [{ state, reason }, setFilter] = useQueryStates(
    { state: parseAsStringLiteral(LETTER_STATES), reason: parseAsString },
    { history: "push" },
  );
  const [opened, setOpened] = useState<DeadLetter | null>(null);
  const letters = useInfiniteQuery(deadLettersQuery({ ...(state ? { state } : {}), ...(reason ? { reason } : {}) }));
  const rows = letters.data?.pages.flatMap((page) => page.data) ?? [];
  const known = [...new Set([...reasons, ...rows.map((letter) => letter.reason), ...(reason ? [reason] : [])])].sort();
  const isFiltered = state !== null || reason !== null;
  return (
    <Card
      title="Dead letters"
      aside={
        <div className="flex flex-wrap items-center gap-2">
          <Select
            label="State"
            value={state ?? ANY}
            options={[{ value: ANY, label: "Any state" }, ...LETTER_STATES.map((value) => ({ value: value as string, label: letterStateLabel(value) }))]}
            onChange={(value) => void setFilter({ state: LETTER_STATES.find((name) => name === value) ?? null })}
          />
          <Select
            label="Reason"
            value={reason ?? ANY}
            options={[{ value: ANY, label: "Any reason" }, ...known.map((value) => ({ value, label: reasonText(value) }))]}
            onChange={(value) => void setFilter({ reason: value === ANY ? null : value })}
            className="max-w-56"
          />
          <ReplayDialog reason={reason} isOffered={rows.some((letter) => letter.state === "dead")} />
        </div>
      }
    >
      <QueryView query={letters} skeleton={<TableSkeleton rows={4} />}>
        {() =>
          rows.length > 0 ? (
            <>
              <DataTable
                label="Dead letters"
                name="letters"
                columns={columnsOf(setOpened)}
                rows={rows}
                keyOf={(letter) => letter.id}
                initialSort={{ key: "failed", isDescending: true }}
                most={rows.length}
              />
              <MoreRows query={letters} />
            </>
          ) : isFiltered ? (
            <NothingFound onClear={() => void setFilter({ state: null, reason: null })}>No dead letter fits the filters.</NothingFound>
          ) : (
            <EmptyState icon={<Archive aria-hidden />} title="No dead letters">
              What was accepted and could not be stored is kept here with its reason, until it is replayed.
            </EmptyState>
          )
        }
      </QueryView>
      {opened ? <LetterSheet letter={opened} onClose={() => setOpened(null)} /> : null}
    </Card>
  );
}

function columnsOf(onOpen: (letter: DeadLetter) => void): readonly Column<DeadLetter>[] {
  return [
    { key: "state", label: "State", value: (letter) => letterStateLabel(letter.state), cell: (letter) => <LetterState state={letter.state} /> },
    { key: "reason", label: "Reason", value: (letter) => letter.reason, cell: (letter) => <span title={letter.reason}>{reasonText(letter.reason)}</span> },
    {
      key: "error",
      label: "Error",
      value: (letter) => letter.error,
      cell: (letter) => (
        <button type="button" onClick={() => onOpen(letter)} className="block max-w-md min-w-56 truncate text-left hover:underline" title={letter.error}>
          {letter.error}
        </button>
      ),
    },
    { key: "tries", label: "Tries", align: "right", value: (letter) => letter.attempts },
    {
      key: "item",
      label: "Item",
      value: (letter) => letter.trace_id ?? letter.item_index,
      cell: (letter) =>
        letter.trace_id === null ? (
          <span className="text-muted">{letter.item_index === null ? "Whole request" : `Item ${letter.item_index}`}</span>
        ) : (
          <Link href={`/traces/${encodeURIComponent(letter.trace_id)}`} className="font-mono text-xs text-accent hover:underline" title={letter.trace_id}>
            {shortId(letter.trace_id)}
          </Link>
        ),
    },
    { key: "failed", label: "Failed", value: (letter) => letter.created_at, cell: (letter) => <Ago value={letter.created_at} /> },
    {
      key: "actions",
      label: "Actions",
      align: "right",
      isActions: true,
      value: () => null,
      cell: (letter) => (letter.state === "dead" ? <Replay letter={letter} /> : null),
    },
  ];
}

function Replay({ letter }: { letter: DeadLetter }) {
  const replay = useReplay();
  return (
    <ConfirmDialog
      title="Replay this letter?"
      description="It goes through processing again. What is stored already stays stored once."
      action="Replay"
      tone="primary"
      change={replay}
      onConfirm={(close) => replay.mutate({ ids: [letter.id] }, { onSuccess: close })}
      trigger={
        <Button variant="ghost" size="icon-sm" aria-label={`Replay ${letter.trace_id ?? letter.id}`}>
          <RotateCcw aria-hidden />
        </Button>
      }
    />
  );
}
