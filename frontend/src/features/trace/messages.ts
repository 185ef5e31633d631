/** Messages of a span as they are shown; whatever shape came, nothing of it is lost. */
export type Part =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "image"; source: string; note: string }
  | { type: "media"; label: string; url: string | null }
  | { type: "data"; data: unknown };

export interface ToolCall {
  id: string | null;
  name: string;
  arguments: unknown;
}

export interface ShownMessage {
  role: string;
  name: string | null;
  toolCallId: string | null;
  parts: Part[];
  toolCalls: ToolCall[];
}

/** Pictures that a browser draws without asking anybody, and that cannot hold a script. */
const PICTURES = /^image\/(png|jpeg|gif|webp|avif)$/;
const DATA_URL = /^data:(image\/(?:png|jpeg|gif|webp|avif));base64,[A-Za-z0-9+/=\s]+$/;
const BASE64 = /^[A-Za-z0-9+/=_\s-]+$/;

export function readMessages(messages: readonly unknown[]): ShownMessage[] {
  return messages.map((message) => {
    const raw = isRecord(message) ? message : { content: message };
    return {
      role: text(raw.role) ?? "unknown",
      name: text(raw.name),
      toolCallId: text(raw.tool_call_id),
      parts: readContent(raw.content),
      toolCalls: Array.isArray(raw.tool_calls) ? raw.tool_calls.map(readCall) : [],
    };
  });
}

function readContent(content: unknown): Part[] {
  if (content === null || content === undefined) return [];
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (Array.isArray(content)) return content.map(readPart);
  return [{ type: "data", data: content }];
}

function readPart(raw: unknown): Part {
  if (typeof raw === "string") return { type: "text", text: raw };
  if (!isRecord(raw)) return { type: "data", data: raw };
  if ((raw.type === "text" || raw.type === "reasoning") && typeof raw.text === "string") return { type: raw.type, text: raw.text };
  if (raw.type === "image") {
    const source = pictureSource(raw);
    if (source !== null) return { type: "image", source, note: text(raw.filename) ?? "Image" };
  }
  if (raw.type === "image" || raw.type === "audio" || raw.type === "video" || raw.type === "file") {
    const url = text(raw.url);
    return { type: "media", label: text(raw.filename) ?? text(raw.file_id) ?? text(raw.mime_type) ?? String(raw.type), url: url !== null && isWebAddress(url) ? url : null };
  }
  return { type: "data", data: raw };
}

/** The picture as data, null for one that lies elsewhere: loading it would tell its server who reads the trace. */
export function pictureSource(raw: Record<string, unknown>): string | null {
  const url = text(raw.url);
  if (url !== null) return DATA_URL.test(url) ? url : null;
  const data = isRecord(raw.data) && raw.data.type === "bytes" ? text(raw.data.base64) : text(raw.data);
  const mime = text(raw.mime_type) ?? "image/png";
  if (data === null || !PICTURES.test(mime) || !BASE64.test(data)) return null;
  return `data:${mime};base64,${data.replaceAll("-", "+").replaceAll("_", "/")}`;
}

export function isWebAddress(url: string): boolean {
  return URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol);
}

function readCall(raw: unknown): ToolCall {
  const call = isRecord(raw) ? raw : {};
  return { id: text(call.id), name: text(call.name) ?? "unnamed tool", arguments: call.arguments ?? null };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
