"use client";

import { useState } from "react";
import { session } from "@/api/client";
import { ApiError } from "@/api/errors";
import { Link } from "@/components/link";
import { SessionForm } from "@/features/session/form";
import { loadPage } from "@/lib/load-page";

export function RegisterForm({ withSetupToken }: { withSetupToken: boolean }) {
  const [asksToken, setAsksToken] = useState(withSetupToken);
  return (
    <SessionForm
      title="Create an account"
      intro="With a workspace of its own; you can invite others to it."
      fields={[
        { name: "full_name", label: "Name", autoComplete: "name" },
        { name: "email", label: "Email", type: "email", autoComplete: "username" },
        { name: "password", label: "Password", type: "password", autoComplete: "new-password", hint: "8 characters or more" },
        { name: "workspace_name", label: "Workspace", autoComplete: "organization", hint: "Your team or product" },
        ...(asksToken ? [{ name: "setup_token", label: "Set-up token", hint: "SETUP_TOKEN of the server" }] : []),
      ]}
      submit="Create account"
      onSubmit={async (values) => {
        try {
          await session("register", values);
        } catch (error) {
          if (error instanceof ApiError && error.details.some(({ field }) => field.endsWith("setup_token"))) setAsksToken(true);
          throw error;
        }
        loadPage("/dashboard");
      }}
      below={
        <p>
          Already have an account?{" "}
          <Link href="/login" className="text-accent underline">
            Sign in
          </Link>
        </p>
      }
    />
  );
}
