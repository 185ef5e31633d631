import type { Metadata } from "next";
import { Unaddressable } from "@/features/frame/unaddressable";
import { SessionPage } from "@/features/sessions/session";
import { isAddressable, readPathPart } from "@/lib/path-part";

export const metadata: Metadata = { title: "Session" };

export default async function Page({ params }: { params: Promise<{ sessionId: string }> }) {
  const id = readPathPart((await params).sessionId);
  return isAddressable(id) ? <SessionPage sessionId={id} /> : <Unaddressable noun="session" id={id} />;
}
