"use client";

import { Link } from "@/components/link";
import { useMay } from "@/api/account";
import { type Named, nameOf } from "@/features/figures/names";
import { usePathWith } from "@/features/range/range";

/** The filter of the list of traces that finds what has such a name. */
const FILTERS: Readonly<Record<Exclude<Named, "span">, string>> = {
  agent: "agent_id",
  model: "model",
  provider: "provider",
  environment: "environment",
  tool: "tool_name",
};

/** The name of an agent, model or the like, leading to its traces where one may see them; what has none cannot be filtered for. */
export function NameLink({ kind, name }: { kind: keyof typeof FILTERS; name: string | null }) {
  const pathWith = usePathWith();
  const mayRead = useMay("read");
  if (name === null) return <span className="text-muted">{nameOf(kind, name)}</span>;
  if (!mayRead) {
    return (
      <span title={name} className="block max-w-36 truncate sm:max-w-64">
        {name}
      </span>
    );
  }
  return (
    <Link href={pathWith("/traces", { [FILTERS[kind]]: name })} title={name} className="block max-w-36 truncate sm:max-w-64 hover:underline">
      {name}
    </Link>
  );
}
