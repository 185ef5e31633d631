"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { Archive, RotateCcw } from "lucide-react";
import { parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { useState } from "react";
import { deadLettersQuery, useReplay } from "@/api/operations";
import type { DeadLetter } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { Link } from "@/components/link";
import { EmptyState, NothingFound, QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/select";
import { Cell, HeadCell, Row, Table, TableSkeleton } from "@/components/ui/table";
import { reasonText } from "@/features/ingestion/accounts";
import { LETTER_STATES, letterStateLabel, LetterState } from "@/features/ingestion/letter-state";
import { LetterSheet } from "@/features/ingestion/letter-sheet";
import { ReplayDialog } from "@/features/ingestion/replay-dialog";
import { shortId } from "@/lib/format";

const ANY = "any";

/** What could not be stored, for administrators: to look at, and to send through processing again. */
export function DeadLetters({ reasons }: { reasons: readonly string[] }) {
  const [{ state, reason }, setFilter] = useQueryStates(
    { state: parseAsStringLiteral(LETTER_STATES), reason: parseAsString },
    { history: "push" },
  );
  const [opened, setOpened] = useState<DeadLetter | null>(null);
  const letters = useInfiniteQuery(deadLettersQuery({ ...(state ? { state } : {}), ...(reason ? { reason } : {}) }));
  const isAllowed = letters.data !== undefined;
  const rows = letters.data?.pages.flatMap((page) => page.data) ?? [];
  const known = [...new Set([...reasons, ...rows.map((letter) => letter.reason), ...(reason ? [reason] : [])])].sort();
  const isFiltered = state !== null || reason !== null;
  return (
    <Card
      title="Dead letters"
      aside={
        isAllowed ? (
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
            {rows.some((letter) => letter.state === "dead") ? <ReplayDialog reason={reason} /> : null}
          </div>
        ) : null
      }
    >
      <QueryView query={letters} skeleton={<TableSkeleton rows={4} />}>
        {() =>
          rows.length > 0 ? (
            <>
              <Table label="Dead letters">
                <thead>
                  <tr>
                    <HeadCell>State</HeadCell>
                    <HeadCell>Reason</HeadCell>
                    <HeadCell>Error</HeadCell>
                    <HeadCell className="text-right">Tries</HeadCell>
                    <HeadCell>Item</HeadCell>
                    <HeadCell>Failed</HeadCell>
                    <HeadCell>
                      <span className="sr-only">Actions</span>
                    </HeadCell>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((letter) => (
                    <LetterRow key={letter.id} letter={letter} onOpen={() => setOpened(letter)} />
                  ))}
                </tbody>
              </Table>
              {letters.hasNextPage ? (
                <Button className="mt-3" disabled={letters.isFetchingNextPage} onClick={() => void letters.fetchNextPage()}>
                  {letters.isFetchingNextPage ? "Loading…" : "Show more"}
                </Button>
              ) : null}
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
      <LetterSheet letter={opened} onClose={() => setOpened(null)} />
    </Card>
  );
}

function LetterRow({ letter, onOpen }: { letter: DeadLetter; onOpen: () => void }) {
  const replay = useReplay();
  return (
    <Row>
      <Cell>
        <LetterState state={letter.state} />
      </Cell>
      <Cell title={letter.reason}>
        {reasonText(letter.reason)}
      </Cell>
      <Cell className="max-w-0 min-w-56 xl:w-1/2">
        <button type="button" onClick={onOpen} className="block max-w-full truncate text-left hover:underline" title={letter.error}>
          {letter.error}
        </button>
      </Cell>
      <Cell className="text-right">{letter.attempts}</Cell>
      <Cell>
        {letter.trace_id === null ? (
          <span className="text-muted">{letter.item_index === null ? "Whole request" : `Item ${letter.item_index}`}</span>
        ) : (
          <Link href={`/traces/${encodeURIComponent(letter.trace_id)}`} className="font-mono text-xs text-accent hover:underline" title={letter.trace_id}>
            {shortId(letter.trace_id)}
          </Link>
        )}
      </Cell>
      <Cell className="text-muted">
        <Ago value={letter.created_at} />
      </Cell>
      <Cell className="text-right">
        {letter.state === "dead" ? (
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
        ) : null}
      </Cell>
    </Row>
  );
}
