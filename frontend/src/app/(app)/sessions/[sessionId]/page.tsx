import type { Metadata } from "next";
import { readPathPart } from "@/lib/path-part";
import { SessionPage } from "@/features/sessions/session";

export const metadata: Metadata = { title: "Session" };

export default async function Page({ params }: { params: Promise<{ sessionId: string }> }) {
  return <SessionPage sessionId={readPathPart((await params).sessionId)} />;
}
