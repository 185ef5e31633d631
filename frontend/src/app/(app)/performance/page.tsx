import type { Metadata } from "next";
import { Performance } from "@/features/performance/performance";

export const metadata: Metadata = { title: "Performance" };

export default function PerformancePage() {
  return <Performance />;
}
