import type { Metadata } from "next";
import { TracePage } from "@/features/trace/trace";

export const metadata: Metadata = { title: "Trace" };

export default async function Page({ params }: { params: Promise<{ traceId: string }> }) {
  return <TracePage traceId={decodeURIComponent((await params).traceId)} />;
}
