import type { Metadata } from "next";
import { readPathPart } from "@/lib/path-part";
import { UserPage } from "@/features/users/user";

export const metadata: Metadata = { title: "User" };

export default async function Page({ params }: { params: Promise<{ userId: string }> }) {
  return <UserPage userId={readPathPart((await params).userId)} />;
}
