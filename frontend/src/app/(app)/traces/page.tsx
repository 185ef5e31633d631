import type { Metadata } from "next";
import { Traces } from "@/features/traces/traces";

export const metadata: Metadata = { title: "Traces" };

export default function TracesPage() {
  return <Traces />;
}
