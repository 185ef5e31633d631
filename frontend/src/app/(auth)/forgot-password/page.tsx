import type { Metadata } from "next";
import { ForgotForm } from "@/features/session/forgot-form";

export const metadata: Metadata = { title: "Forgotten password" };

export default function ForgotPage() {
  return <ForgotForm />;
}
