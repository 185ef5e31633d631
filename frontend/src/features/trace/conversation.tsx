"use client";

import { Bot, Brain, ExternalLink, Settings2, User, Wrench, type LucideIcon } from "lucide-react";
import dynamic from "next/dynamic";
import { JsonView, LongText } from "@/components/json-view";
import { CopyButton } from "@/components/ui/copy-button";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { type Part, readMessages, type ShownMessage, type ToolCall } from "@/features/trace/messages";
import { cn } from "@/lib/cn";
import { useStored } from "@/lib/stored";

/** A map and no object: roles are texts of senders, and one may be called constructor. */
const ROLES: ReadonlyMap<string, { label: string; icon: LucideIcon }> = new Map([
  ["system", { label: "System", icon: Settings2 }],
  ["developer", { label: "Developer", icon: Settings2 }],
  ["user", { label: "User", icon: User }],
  ["human", { label: "User", icon: User }],
  ["assistant", { label: "Assistant", icon: Bot }],
  ["ai", { label: "Assistant", icon: Bot }],
  ["model", { label: "Assistant", icon: Bot }],
  ["tool", { label: "Tool result", icon: Wrench }],
]);

/** Longer texts are shown as they are: drawing them takes the page's breath. */
const LONGEST_MARKDOWN = 20_000;
const LOOKS = [
  { value: "rendered", label: "Markdown" },
  { value: "text", label: "Text" },
] as const;

const Markdown = dynamic(() => import("@/components/markdown").then((module) => module.Markdown), {
  ssr: false,
  loading: () => <Skeleton className="h-5 w-48" />,
});

/** What was said to a model and what it answered. */
export function Conversation({ messages, answers }: { messages: readonly unknown[]; answers: readonly unknown[] }) {
  const said = readMessages(messages);
  const answered = readMessages(answers);
  const [look, setLook] = useStored("aobs.trace.messages", "rendered");
  const isRendered = look === "rendered";
  return (
    <>
      <div className="mb-2 flex justify-end">
        <Segmented label="How messages are shown" value={isRendered ? "rendered" : "text"} options={LOOKS} onChange={setLook} />
      </div>
      <ol className="grid grid-cols-[minmax(0,1fr)] gap-3" aria-label="Conversation">
        {said.map((message, index) => (
          <Message key={index} message={message} isRendered={isRendered} />
        ))}
        {answered.map((message, index) => (
          <Message key={`answer-${index}`} message={message} isAnswer isRendered={isRendered} />
        ))}
      </ol>
    </>
  );
}

function Message({ message, isAnswer = false, isRendered }: { message: ShownMessage; isAnswer?: boolean; isRendered: boolean }) {
  const { label, icon: Icon } = ROLES.get(message.role.toLowerCase()) ?? { label: message.role, icon: User };
  const text = message.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  return (
    <li className={cn("rounded-lg border border-line p-3", isAnswer ? "bg-accent-soft" : "bg-surface")}>
      <div className="mb-1.5 flex min-h-7 items-center gap-1.5 text-xs font-medium text-muted">
        <Icon className="size-3.5" aria-hidden />
        {label}
        {message.name ? <span className="font-normal">· {message.name}</span> : null}
        {isAnswer ? <span className="font-normal">· answer</span> : null}
        {text ? (
          <span className="ml-auto">
            <CopyButton text={text} label={`Copy what ${label} said`} />
          </span>
        ) : null}
      </div>
      <div className="grid gap-2 text-sm">
        {message.parts.map((part, index) => (
          <PartView key={index} part={part} isRendered={isRendered} />
        ))}
        {message.toolCalls.map((call, index) => (
          <Call key={call.id ?? index} call={call} />
        ))}
        {message.parts.length === 0 && message.toolCalls.length === 0 ? <span className="text-muted">No content</span> : null}
      </div>
    </li>
  );
}

function PartView({ part, isRendered }: { part: Part; isRendered: boolean }) {
  switch (part.type) {
    case "text":
      return isRendered && part.text.length <= LONGEST_MARKDOWN ? <Markdown text={part.text} /> : <LongText text={part.text} />;
    case "reasoning":
      return (
        <details className="rounded-md bg-raised px-2.5 py-1.5">
          <summary className="flex items-center gap-1.5 text-xs text-muted">
            <Brain className="size-3.5" aria-hidden />
            Reasoning
          </summary>
          <p className="mt-1.5 text-muted">
            <LongText text={part.text} />
          </p>
        </details>
      );
    case "image":
      // eslint-disable-next-line @next/next/no-img-element -- a picture in the trace itself, which no server can make smaller
      return <img src={part.source} alt={part.note} className="max-h-80 max-w-full rounded-md border border-line" />;
    case "media":
      return (
        <p className="flex min-w-0 items-center gap-1.5 rounded-md bg-raised px-2.5 py-1.5">
          <ExternalLink className="size-3.5 shrink-0 text-muted" aria-hidden />
          {part.url === null ? (
            <span className="truncate">{part.label}</span>
          ) : (
            <a href={part.url} target="_blank" rel="noopener noreferrer nofollow" referrerPolicy="no-referrer" className="truncate text-accent hover:underline">
              {part.label} · {part.url}
            </a>
          )}
        </p>
      );
    case "data":
      return <JsonView value={part.data} />;
  }
}

function Call({ call }: { call: ToolCall }) {
  return (
    <div className="rounded-md border border-line bg-surface px-2.5 py-1.5">
      <p className="flex items-center gap-1.5 text-xs font-medium">
        <Wrench className="size-3.5 text-chart-2" aria-hidden />
        {call.name}
        {call.id ? <span className="ml-auto truncate font-mono font-normal text-muted">{call.id}</span> : null}
      </p>
      <div className="mt-1 overflow-x-auto">
        <JsonView value={call.arguments} />
      </div>
    </div>
  );
}
