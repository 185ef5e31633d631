"use client";

import { session } from "@/api/client";
import { SessionForm } from "@/features/session/form";
import { loadPage } from "@/lib/load-page";

export function AcceptForm({ token }: { token: string }) {
  return (
    <SessionForm
      title="Join a workspace"
      intro="If you have an account and are signed in with it, leave the fields empty."
      fields={[
        { name: "full_name", label: "Name", autoComplete: "name", optional: true },
        { name: "password", label: "Password", type: "password", autoComplete: "new-password", hint: "8 characters or more", optional: true },
      ]}
      submit="Join"
      onSubmit={async (values) => {
        await session("accept", { token, full_name: values.full_name || null, password: values.password || null });
        loadPage("/dashboard");
      }}
    />
  );
}
