"use client";

import { bodyOf, client } from "@/api/client";
import { Link } from "@/components/link";
import { SessionForm } from "@/features/session/form";

export function ForgotForm() {
  return (
    <SessionForm
      title="Forgotten password"
      intro="You get a link with which you can set a new one."
      fields={[{ name: "email", label: "Email", type: "email", autoComplete: "username" }]}
      submit="Send the link"
      onSubmit={async (values) => {
        await bodyOf(client.POST("/api/v1/auth/forgot-password", { body: { email: values.email ?? "" } }));
      }}
      done="If there is an account with this address, the link is on its way. Where the server sends no mail, its operator finds the link in the gateway's log."
      below={
        <Link href="/login" className="text-accent hover:underline">
          Back to the sign-in
        </Link>
      }
    />
  );
}
