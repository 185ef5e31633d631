"use client";

import type { UseQueryResult } from "@tanstack/react-query";
import { ChartNoAxesColumn } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { Link } from "@/components/link";
import { EmptyState, ErrorState, NothingFound } from "@/components/states/states";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { useHasTraces } from "@/features/home/has-traces";
import { useRange } from "@/features/range/range";

interface GateProps<Data> {
  /** The figures that decide for the page. */
  query: UseQueryResult<Data>;
  isEmpty: (data: Data) => boolean;
  children: ReactNode;
}

/** Shows a page of figures unless there is nothing to show or one may not see it: said once, and not by each chart. */
export function Gate<Data>({ query, isEmpty, children }: GateProps<Data>) {
  if (query.data === undefined && query.error instanceof ApiError && query.error.status === 403) {
    return (
      <Card>
        <ErrorState error={query.error} />
      </Card>
    );
  }
  if (query.data !== undefined && !query.isPlaceholderData && isEmpty(query.data)) {
    return (
      <Card>
        <NoFigures />
      </Card>
    );
  }
  return children;
}

/** Why a range has no figures: no traces at all, filters, or only none in this range. */
function NoFigures() {
  const { state, setState } = useRange();
  const hasTraces = useHasTraces();
  if (hasTraces === false) {
    return (
      <EmptyState
        icon={<ChartNoAxesColumn aria-hidden />}
        title="No traces yet"
        action={
          <Button asChild variant="primary">
            <Link href="/dashboard">Send the first trace</Link>
          </Button>
        }
      >
        Figures appear here by themselves, seconds after the first trace arrives.
      </EmptyState>
    );
  }
  if (state.environment.length > 0 || state.agent_id.length > 0) {
    return <NothingFound onClear={() => void setState({ environment: null, agent_id: null })} />;
  }
  return (
    <EmptyState
      icon={<ChartNoAxesColumn aria-hidden />}
      title="Nothing in this range"
      action={<Button onClick={() => void setState({ range: "30d", from: null, to: null })}>Show the last 30 days</Button>}
    >
      No traces started in it.
    </EmptyState>
  );
}
