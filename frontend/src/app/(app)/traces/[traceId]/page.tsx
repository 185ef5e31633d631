import type { Metadata } from "next";
import { readPathPart } from "@/lib/path-part";
import { TracePage } from "@/features/trace/trace";

export const metadata: Metadata = { title: "Trace" };

export default async function Page({ params }: { params: Promise<{ traceId: string }> }) {
  return <TracePage traceId={readPathPart((await params).traceId)} />;
}
