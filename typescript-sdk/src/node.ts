import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import type { Runtime } from "./client";
import { Delivery } from "./delivery/delivery";
import type { Compression } from "./delivery/collector";
import { nodeTransport } from "./delivery/http";
import { findFolder, Spool, workspaceFolder } from "./delivery/spool";
import { MemoryStore, type Store } from "./delivery/store";
import { spanEncoder } from "./encoding";
import type { Guard } from "./guard";
import type { Settings } from "./settings";
import type { Sink } from "./sink";

/** Fast: what is sent is small beside what it costs to press it further. */
const LEVEL = { level: 1 };
const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<zlib.InputType, Buffer>(zlib.gunzip);

const compression: Compression = {
  gzip: (body) => gzip(body, LEVEL),
  gunzip: (body) => gunzip(body),
  gzipNow: (body) => zlib.gzipSync(body, LEVEL),
};

/** Node: a spool on disk, AsyncLocalStorage, and what is in memory is kept when the process ends. */
export const nodeRuntime: Runtime = {
  environment: process.env,
  isGlobal: true,
  log: (message) => process.stderr.write(`${message}\n`),
  contextManager: () => new AsyncLocalStorageContextManager(),
  open: openDelivery,
  atExit: (sink, settings) => watchExit(sink, settings.exitTimeoutMs),
};

/** Opens the way of spans to the platform as Node can have it. */
export function openDelivery(settings: Settings, guard: Guard, apiKey: string): Delivery {
  return new Delivery({
    apiKey,
    guard,
    compression,
    store: openStore(settings, guard, apiKey),
    transport: nodeTransport(settings.endpoint),
    maxItems: settings.queueMaxItems,
    maxBytes: settings.queueMaxBytes,
    encode: spanEncoder(guard, settings.mask),
  });
}

function openStore(settings: Settings, guard: Guard, apiKey: string): Store {
  const folder = settings.spool ? findFolder(settings.spoolDir, workspaceFolder(settings.endpoint, apiKey)) : undefined;
  if (folder !== undefined) return new Spool(folder, settings.spoolMaxBytes);
  if (settings.spool)
    guard.warn("memory", "no folder can be written: what is traced is kept in memory only until it is delivered");
  return new MemoryStore(randomBytes(6).toString("hex"), settings.queueMaxBytes);
}

const watched = new Set<{ sink: Sink; timeoutMs: number }>();
let isWatching = false;

/**
 * When nothing else is left to do, delivers what is there, at most as long as the timeout; at the end, however it
 * comes, keeps what is in memory on disk.
 */
export function watchExit(sink: Sink, timeoutMs: number): void {
  watched.add({ sink, timeoutMs });
  if (isWatching) return;
  isWatching = true;
  process.once("beforeExit", () => {
    for (const one of watched) void one.sink.flush(one.timeoutMs, true);
  });
  process.once("exit", () => {
    for (const one of watched) one.sink.close();
  });
}
