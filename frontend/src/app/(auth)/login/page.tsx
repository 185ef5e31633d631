import type { Metadata } from "next";
import { LoginForm } from "@/features/session/login-form";

export const metadata: Metadata = { title: "Sign in" };

export default async function LoginPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const { next, expired, reset } = await searchParams;
  return (
    <LoginForm next={typeof next === "string" ? next : null} expired={expired !== undefined} reset={reset !== undefined} />
  );
}
