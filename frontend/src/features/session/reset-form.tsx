"use client";

import { bodyOf, client } from "@/api/client";
import { SessionForm } from "@/features/session/form";
import { loadPage } from "@/lib/load-page";

export function ResetForm({ token }: { token: string }) {
  return (
    <SessionForm
      title="New password"
      intro="All sessions of your account end with it."
      fields={[
        { name: "new_password", label: "New password", type: "password", autoComplete: "new-password", hint: "8 characters or more" },
      ]}
      submit="Set password"
      onSubmit={async (values) => {
        await bodyOf(client.POST("/api/v1/auth/reset-password", { body: { token, new_password: values.new_password ?? "" } }));
        loadPage("/login?reset=1");
      }}
    />
  );
}
