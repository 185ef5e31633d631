export default function Page(): string {
  return "POST a question to /api/chat or /api/edge.";
}
