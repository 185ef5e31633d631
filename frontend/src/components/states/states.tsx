"use client";

import type { UseQueryResult } from "@tanstack/react-query";
import { CircleAlert, Lock, RefreshCw, SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/cn";

interface MessageProps {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  role?: "alert" | "status";
  className?: string;
}

function Message({ icon, title, children, action, role, className }: MessageProps) {
  return (
    <div role={role} className={cn("flex flex-col items-center justify-center gap-2 px-4 py-10 text-center", className)}>
      <div className="text-faint [&_svg]:size-6">{icon}</div>
      <p className="font-medium">{title}</p>
      {children ? <div className="max-w-md text-sm text-muted">{children}</div> : null}
      {action ? <div className="mt-2">{action}</div> : null}
    </div>
  );
}

/** Nothing has happened yet: what would be here, and how it gets here. */
export function EmptyState({ icon, title, children, action }: Omit<MessageProps, "role" | "className">) {
  return <Message icon={icon} title={title} action={action}>{children}</Message>;
}

/** Filters leave nothing. */
export function NothingFound({ onClear, children }: { onClear?: () => void; children?: ReactNode }) {
  return (
    <Message
      icon={<SearchX aria-hidden />}
      title="Nothing matches"
      role="status"
      action={onClear ? <Button onClick={onClear}>Clear filters</Button> : null}
    >
      {children ?? "No data in this range fits the filters."}
    </Message>
  );
}

/** Who is signed in may not do what was asked, and who can change that. */
export function Forbidden({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <Message icon={<Lock aria-hidden />} title="You may not see this" role="alert" {...(className ? { className } : {})}>
      {children} An owner or administrator of the workspace can give you another role.
    </Message>
  );
}

export function ErrorState({ error, onRetry, className }: { error: Error; onRetry?: () => void; className?: string }) {
  if (error instanceof ApiError && error.status === 403) {
    return <Forbidden {...(className ? { className } : {})}>{error.message}</Forbidden>;
  }
  const requestId = error instanceof ApiError ? error.requestId : null;
  return (
    <Message
      icon={<CircleAlert aria-hidden />}
      title="This could not be loaded"
      role="alert"
      {...(className ? { className } : {})}
      action={
        onRetry ? (
          <Button onClick={onRetry}>
            <RefreshCw aria-hidden />
            Try again
          </Button>
        ) : null
      }
    >
      {error.message}
      {requestId ? (
        <>
          {" "}
          <span className="block pt-1 font-mono text-xs">Request {requestId}</span>
        </>
      ) : null}
    </Message>
  );
}

interface QueryViewProps<Data> {
  query: UseQueryResult<Data>;
  /** In the shape of what comes. */
  skeleton: ReactNode;
  children: (data: Data) => ReactNode;
}

/** Shows data once it is there, and until then what there is to say; data that could not be renewed stay, dimmed and dated. */
export function QueryView<Data>({ query, skeleton, children }: QueryViewProps<Data>) {
  if (query.data === undefined) {
    if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
    return (
      <div role="status" aria-label="Loading" aria-busy>
        {skeleton}
      </div>
    );
  }
  return (
    <>
      {query.error ? <StaleNote error={query.error} updatedAt={query.dataUpdatedAt} onRetry={() => void query.refetch()} /> : null}
      <div className={cn("min-w-0 transition-opacity", query.isPlaceholderData && "opacity-60")}>{children(query.data)}</div>
    </>
  );
}

interface StaleNoteProps {
  error: Error;
  /** When what is shown was read, in milliseconds. */
  updatedAt: number;
  onRetry: () => void;
  className?: string;
}

/** Says from when what is shown is, and why it is not newer. */
export function StaleNote({ error, updatedAt, onRetry, className }: StaleNoteProps) {
  return (
    <p role="status" className={cn("mb-2 flex flex-wrap items-center gap-2 rounded-md bg-warn-soft px-2 py-1 text-xs text-warn", className)}>
      As of {new Date(updatedAt).toLocaleTimeString("en-GB")}: {error.message}
      <button type="button" className="underline" onClick={onRetry}>
        Try again
      </button>
    </p>
  );
}
