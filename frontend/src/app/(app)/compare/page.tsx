import type { Metadata } from "next";
import { Compare } from "@/features/compare/compare";

export const metadata: Metadata = { title: "Compare" };

export default function ComparePage() {
  return <Compare />;
}
