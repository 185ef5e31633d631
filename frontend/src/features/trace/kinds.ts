import { Bot, Braces, FileSearch, GitBranch, ListOrdered, ShieldCheck, Sparkles, Star, Waypoints, Wrench, type LucideIcon } from "lucide-react";
import type { Span } from "@/api/schema";

interface Kind {
  label: string;
  icon: LucideIcon;
  colour: string;
}

/** How each kind of span looks, on every page. */
export const KINDS: Readonly<Record<Span["kind"], Kind>> = {
  agent: { label: "Agent", icon: Bot, colour: "var(--chart-1)" },
  llm: { label: "Model call", icon: Sparkles, colour: "var(--chart-5)" },
  tool: { label: "Tool", icon: Wrench, colour: "var(--chart-2)" },
  chain: { label: "Step", icon: GitBranch, colour: "var(--chart-8)" },
  retriever: { label: "Retriever", icon: FileSearch, colour: "var(--chart-3)" },
  embedding: { label: "Embedding", icon: Waypoints, colour: "var(--chart-7)" },
  reranker: { label: "Reranker", icon: ListOrdered, colour: "var(--chart-6)" },
  guardrail: { label: "Guardrail", icon: ShieldCheck, colour: "var(--chart-4)" },
  evaluator: { label: "Evaluator", icon: Star, colour: "var(--chart-6)" },
  other: { label: "Span", icon: Braces, colour: "var(--chart-8)" },
};
