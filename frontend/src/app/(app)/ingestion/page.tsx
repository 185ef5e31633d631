import type { Metadata } from "next";
import { Ingestion } from "@/features/ingestion/ingestion";

export const metadata: Metadata = { title: "Ingestion" };

export default function IngestionPage() {
  return <Ingestion />;
}
