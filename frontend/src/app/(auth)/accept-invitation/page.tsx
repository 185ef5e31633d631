import type { Metadata } from "next";
import { AcceptForm } from "@/features/session/accept-form";

export const metadata: Metadata = { title: "Invitation", referrer: "no-referrer" };

export default async function AcceptPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const { token } = await searchParams;
  return <AcceptForm token={typeof token === "string" ? token : ""} />;
}
