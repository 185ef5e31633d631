import { CircleCheck, CircleX, Timer } from "lucide-react";
import { Badge, type Tone } from "@/components/ui/badge";

export type Status = "success" | "error" | "timeout";

const LOOKS: Readonly<Record<Status, { tone: Tone; icon: typeof CircleCheck; label: string }>> = {
  success: { tone: "good", icon: CircleCheck, label: "Success" },
  error: { tone: "bad", icon: CircleX, label: "Error" },
  timeout: { tone: "warn", icon: Timer, label: "Timeout" },
};

/** How something ended, as icon, word and colour. */
export function StatusBadge({ status }: { status: Status }) {
  const { tone, icon: Icon, label } = LOOKS[status];
  return (
    <Badge tone={tone}>
      <Icon aria-hidden />
      {label}
    </Badge>
  );
}

/** The same where there is room for the icon only. */
export function StatusIcon({ status }: { status: Status }) {
  const { tone, icon: Icon, label } = LOOKS[status];
  const colour = { good: "text-good", bad: "text-bad", warn: "text-warn", neutral: "text-muted", accent: "text-accent" }[tone];
  return <Icon role="img" aria-label={label} className={`size-4 shrink-0 ${colour}`} />;
}
