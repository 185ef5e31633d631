import type { Metadata } from "next";
import { Unaddressable } from "@/features/frame/unaddressable";
import { UserPage } from "@/features/users/user";
import { isAddressable, readPathPart } from "@/lib/path-part";

export const metadata: Metadata = { title: "User" };

export default async function Page({ params }: { params: Promise<{ userId: string }> }) {
  const id = readPathPart((await params).userId);
  return isAddressable(id) ? <UserPage userId={id} /> : <Unaddressable noun="user" id={id} />;
}
