"use client";

import { Link2Off } from "lucide-react";
import { Link } from "@/components/link";
import { EmptyState } from "@/components/states/states";
import { Button } from "@/components/ui/button";
import { PageHeader } from "@/features/frame/page-header";
import { pathWith } from "@/features/range/range";

interface UnaddressableProps {
  noun: "trace" | "session" | "user";
  id: string;
}

/** Leads to the traces of what has an id that no address can hold. */
export function Unaddressable({ noun, id }: UnaddressableProps) {
  return (
    <>
      <PageHeader title={<span className="font-mono text-base">{id}</span>} />
      <EmptyState
        icon={<Link2Off aria-hidden />}
        title={`This ${noun} has no page`}
        action={
          <Button asChild>
            <Link href={pathWith("/traces", new URLSearchParams({ range: "90d" }), { [`${noun}_id`]: id })}>Show it in the list of traces</Link>
          </Button>
        }
      >
        Its id holds a slash or backslash, which addresses cannot carry. Lists, filters and exports hold it like any other.
      </EmptyState>
    </>
  );
}
