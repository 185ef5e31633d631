import { ApiError } from "@/api/errors";

/** Why a change was refused, where no single field is to blame. */
export function FormError({ error }: { error: Error | null }) {
  if (error === null) return null;
  const details = error instanceof ApiError ? error.details : [];
  return (
    <div role="alert" className="rounded-md bg-bad-soft px-2.5 py-2 text-sm text-bad">
      {error.message}
      {error instanceof ApiError && error.retryAfter !== null ? ` Try again in ${error.retryAfter} s.` : null}
      {details.map(({ field, message }) => (
        <span key={field} className="block pt-1 text-xs">
          {field}: {message}
        </span>
      ))}
      {error instanceof ApiError && error.status >= 500 && error.requestId !== null ? <span className="block pt-1 font-mono text-xs">Request {error.requestId}</span> : null}
    </div>
  );
}
