"use client";

import { session } from "@/api/client";
import { Link } from "@/components/link";
import { SessionForm } from "@/features/session/form";
import { safeNext } from "@/features/session/next";
import { loadPage } from "@/lib/load-page";

export function LoginForm({ next, expired, reset }: { next: string | null; expired: boolean; reset: boolean }) {
  return (
    <SessionForm
      title="Sign in"
      intro={
        reset ? "Your password is set. Sign in with it." : expired ? "Your session has ended. Sign in to go on where you were." : null
      }
      fields={[
        { name: "email", label: "Email", type: "email", autoComplete: "username" },
        { name: "password", label: "Password", type: "password", autoComplete: "current-password" },
      ]}
      submit="Sign in"
      onSubmit={async (values) => {
        await session("login", values);
        loadPage(safeNext(next));
      }}
      below={
        <>
          <Link href="/forgot-password" className="text-accent hover:underline">
            Forgotten your password?
          </Link>
          <p>
            New here?{" "}
            <Link href="/register" className="text-accent underline">
              Create an account
            </Link>
          </p>
        </>
      }
    />
  );
}
