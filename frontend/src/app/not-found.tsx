import { Link } from "@/components/link";
import { Button } from "@/components/ui/button";

export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-3 p-6 text-center">
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <p className="text-sm text-muted">The address may be mistyped, or what it showed is gone.</p>
      <Button asChild variant="primary">
        <Link href="/dashboard">To the home page</Link>
      </Button>
    </main>
  );
}
