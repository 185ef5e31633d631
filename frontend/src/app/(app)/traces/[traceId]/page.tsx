import type { Metadata } from "next";
import { Unaddressable } from "@/features/frame/unaddressable";
import { TracePage } from "@/features/trace/trace";
import { isAddressable, readPathPart } from "@/lib/path-part";

export const metadata: Metadata = { title: "Trace" };

export default async function Page({ params }: { params: Promise<{ traceId: string }> }) {
  const id = readPathPart((await params).traceId);
  return isAddressable(id) ? <TracePage traceId={id} /> : <Unaddressable noun="trace" id={id} />;
}
