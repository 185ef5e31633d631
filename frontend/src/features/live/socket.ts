import { bodyOf, client } from "@/api/client";

/** An event of the workspace; the names are those of the gateway. */
export interface LiveEvent {
  id: string | null;
  event: string;
  data: Record<string, unknown>;
  time: string;
}

export type LiveState = "connecting" | "live" | "polling";

interface Watcher {
  onEvent: (event: LiveEvent) => void;
  onState: (state: LiveState) => void;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** Closings after which connecting again cannot help: the workspace is not open to this user. */
const FINAL_CODES = [4403];

/** Keeps a WebSocket to the gateway open, resumes where it broke off, and tells when polling has to do. */
export class LiveConnection {
  private socket: WebSocket | null = null;
  private lastId: string | null = null;
  private pause = FIRST_PAUSE_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(private readonly watcher: Watcher) {}

  open(): void {
    this.closed = false;
    void this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  private async connect(): Promise<void> {
    this.watcher.onState("connecting");
    try {
      const ticket = await bodyOf(client.POST("/api/v1/ws-ticket", {}));
      if (this.closed) return;
      const url = new URL(ticket.url);
      if (this.lastId !== null) url.searchParams.set("last_event_id", this.lastId);
      this.listen(new WebSocket(url, ["v1", `ticket.${ticket.ticket}`]));
    } catch {
      this.retry();
    }
  }

  private listen(socket: WebSocket): void {
    this.socket = socket;
    socket.onmessage = (message) => {
      const event = readEvent(message.data);
      if (event === null) return;
      if (event.event === "ready") {
        this.pause = FIRST_PAUSE_MS;
        this.watcher.onState("live");
      }
      if (event.id !== null) this.lastId = event.id;
      this.watcher.onEvent(event);
    };
    socket.onclose = (closing) => {
      if (this.closed || this.socket !== socket) return;
      if (FINAL_CODES.includes(closing.code)) this.watcher.onState("polling");
      else this.retry();
    };
  }

  private retry(): void {
    if (this.closed) return;
    this.watcher.onState("polling");
    // Clients that lost the same server must not come back in step.
    this.timer = setTimeout(() => void this.connect(), this.pause * (0.5 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }
}

export function readEvent(data: unknown): LiveEvent | null {
  if (typeof data !== "string") return null;
  try {
    const document: unknown = JSON.parse(data);
    if (typeof document !== "object" || document === null || !("event" in document) || typeof document.event !== "string") return null;
    return document as LiveEvent;
  } catch {
    return null;
  }
}
