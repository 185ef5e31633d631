import { CircleX, RefreshCw, Undo2 } from "lucide-react";
import type { DeadLetter } from "@/api/schema";
import { Badge, type Tone } from "@/components/ui/badge";

type State = DeadLetter["state"];

export const LETTER_STATES: readonly State[] = ["dead", "replaying", "replayed"];

const LOOKS: Readonly<Record<State, { label: string; tone: Tone; icon: typeof CircleX }>> = {
  dead: { label: "Not stored", tone: "bad", icon: CircleX },
  replaying: { label: "Replaying", tone: "accent", icon: RefreshCw },
  replayed: { label: "Replayed", tone: "good", icon: Undo2 },
};

export function letterStateLabel(state: State): string {
  return LOOKS[state].label;
}

export function LetterState({ state }: { state: State }) {
  const { label, tone, icon: Icon } = LOOKS[state];
  return (
    <Badge tone={tone}>
      <Icon aria-hidden />
      {label}
    </Badge>
  );
}
