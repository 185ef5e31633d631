"use client";

import type { UseQueryResult } from "@tanstack/react-query";
import { SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { Link } from "@/components/link";
import { EmptyState } from "@/components/states/states";
import { Button } from "@/components/ui/button";

interface NotThereProps {
  query: UseQueryResult<unknown>;
  noun: string;
  listHref: string;
  children: ReactNode;
}

/** Says so where the thing that an address names does not exist. */
export function NotThere({ query, noun, listHref, children }: NotThereProps) {
  const isAbsent = query.data === undefined && query.error instanceof ApiError && query.error.status === 404;
  if (!isAbsent) return children;
  return (
    <EmptyState
      icon={<SearchX aria-hidden />}
      title={`There is no such ${noun}`}
      action={
        <Button asChild>
          <Link href={listHref}>All {noun}s</Link>
        </Button>
      }
    >
      It may belong to another workspace, or be older than what is kept.
    </EmptyState>
  );
}
