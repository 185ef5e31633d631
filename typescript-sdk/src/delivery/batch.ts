import type { FileAccount } from "./account";

export const TRACES_PATH = "/v1/traces";
export const REPORTS_PATH = "/api/v1/client-reports";
const VERSION = 1;
export const RUN_DIGITS = 12;
const NAME = /^((\d{13})-([0-9a-f]{12})-\d{8}[ab]*)-(\d{1,9})(?:\.batch|\.([0-9A-Za-z-]{1,64})\.sent)$/;

/** Header and body of a batch, as docs/sdk/delivery.md describes them. */
export interface Content {
  readonly path: string;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly items: number;
  readonly account?: FileAccount;
  readonly body: Uint8Array;
}

/** Where a batch stands: it has a receipt once the platform has accepted it. */
export interface Batch {
  readonly id: string;
  readonly timeMs: number;
  readonly run: string;
  readonly items: number;
  readonly receipt?: string;
}

/** What was kept of a batch cannot be read. */
export class DamagedError extends Error {}

/** The batch is not there any more: another process has taken it over. */
export class GoneError extends Error {}

/** There is no room for the batch. */
export class FullError extends Error {}

/** Returns the id of a batch: names sort by age. */
export function batchId(timeMs: number, run: string, sequence: number): string {
  return `${String(timeMs).padStart(13, "0")}-${run.slice(0, RUN_DIGITS)}-${String(sequence).padStart(8, "0")}`;
}

/** Returns the name of the file that holds a batch. */
export function fileName(batch: Batch): string {
  return `${batch.id}-${batch.items}.${batch.receipt === undefined ? "batch" : `${batch.receipt}.sent`}`;
}

/** Returns the batch that a file of this name holds, undefined when it is no name of a batch. */
export function parseName(name: string): Batch | undefined {
  const [, id, time, run, items, receipt] = NAME.exec(name) ?? [];
  if (id === undefined || time === undefined || run === undefined || items === undefined) return undefined;
  return { id, timeMs: Number(time), run, items: Number(items), ...(receipt === undefined ? {} : { receipt }) };
}

/** Returns the bytes of a file. */
export function encodeFile(id: string, content: Content): Uint8Array {
  const header = {
    v: VERSION,
    id,
    path: content.path,
    content_type: content.contentType,
    items: content.items,
    bytes: content.body.byteLength,
    ...(content.contentEncoding === undefined ? {} : { content_encoding: content.contentEncoding }),
    ...(content.account === undefined ? {} : { account: content.account }),
  };
  const head = new TextEncoder().encode(`${JSON.stringify(header)}\n`);
  const file = new Uint8Array(head.byteLength + content.body.byteLength);
  file.set(head);
  file.set(content.body, head.byteLength);
  return file;
}

/** Returns what a file holds; throws DamagedError when it is not whole or not of this form. */
export function decodeFile(file: Uint8Array): Content {
  const end = file.indexOf(10);
  if (end < 0) throw new DamagedError("no header");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(file.subarray(0, end)));
  } catch {
    throw new DamagedError("header is not JSON");
  }
  if (!isRecord(header) || header.v !== VERSION) throw new DamagedError("unknown version");
  const { path, content_type: contentType, content_encoding: contentEncoding, items, bytes } = header;
  const body = file.subarray(end + 1);
  if (typeof path !== "string" || !path.startsWith("/") || typeof contentType !== "string")
    throw new DamagedError("incomplete header");
  if (typeof items !== "number" || bytes !== body.byteLength)
    throw new DamagedError("another length than the header says");
  const account = readAccount(header.account);
  return {
    path,
    contentType,
    items,
    body,
    ...(typeof contentEncoding === "string" ? { contentEncoding } : {}),
    ...(account === undefined ? {} : { account }),
  };
}

function readAccount(value: unknown): FileAccount | undefined {
  if (!isRecord(value)) return undefined;
  const { created, sampled, dropped } = value;
  if (typeof created !== "number" || typeof sampled !== "number" || !isRecord(dropped))
    throw new DamagedError("bad account");
  const counts = Object.entries(dropped).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return { created, sampled, dropped: Object.fromEntries(counts) };
}

/** Whether a value is an object with names. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
