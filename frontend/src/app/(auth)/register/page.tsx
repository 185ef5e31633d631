import type { Metadata } from "next";
import { RegisterForm } from "@/features/session/register-form";

export const metadata: Metadata = { title: "Create an account" };

export default async function RegisterPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  return <RegisterForm withSetupToken={(await searchParams).setup !== undefined} />;
}
