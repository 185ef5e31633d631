import type { Mask } from "./encoding";
import type { Guard } from "./guard";

const PREFIX = "AGENTOBS_";
const DEFAULT_ENDPOINT = "http://localhost:8000";
const MEBIBYTE = 1024 * 1024;

/** Options of a client; each but `mask` can be given by an environment variable, which the constructor wins over. */
export interface AgentObservabilityOptions {
  /** API key with the scope `ingest`; `AGENTOBS_API_KEY`. Without one nothing is traced, and one warning says so. */
  apiKey?: string | undefined;
  /** Address of the platform's gateway, `http://localhost:8000` unless given; `AGENTOBS_ENDPOINT`. */
  endpoint?: string | undefined;
  /** Name of the application; `AGENTOBS_SERVICE_NAME`, or `OTEL_SERVICE_NAME`. */
  serviceName?: string | undefined;
  /** Deployment environment, such as `production`; `AGENTOBS_ENVIRONMENT`. */
  environment?: string | undefined;
  /** Version of the application; `AGENTOBS_RELEASE`. */
  release?: string | undefined;
  /** Share of traces to keep, from 0 to 1; `AGENTOBS_SAMPLE_RATE`. */
  sampleRate?: number | undefined;
  /** Whether inputs and outputs are recorded, true unless given; `AGENTOBS_CAPTURE_CONTENT`. */
  captureContent?: boolean | undefined;
  /** May change each text of a span before it leaves the process, after built-in redaction. */
  mask?: Mask | undefined;
  /**
   * Whether batches are kept on disk until they are stored, true unless given; `AGENTOBS_SPOOL`. Not on edge runtimes.
   */
  spool?: boolean | undefined;
  /** Folder of the spool; `AGENTOBS_SPOOL_DIR`. */
  spoolDir?: string | undefined;
  /** Bound of the spool in bytes, 256 MiB unless given; `AGENTOBS_SPOOL_MAX_BYTES`. */
  spoolMaxBytes?: number | undefined;
  /** Most spans in memory, 50,000 unless given; `AGENTOBS_QUEUE_MAX_ITEMS`. */
  queueMaxItems?: number | undefined;
  /** Bound of spans in memory in bytes, 64 MiB unless given; `AGENTOBS_QUEUE_MAX_BYTES`. */
  queueMaxBytes?: number | undefined;
  /**
   * Longest time in milliseconds that the end of the process waits for the network, 2,000 unless given;
   * `AGENTOBS_EXIT_TIMEOUT` in seconds.
   */
  exitTimeoutMs?: number | undefined;
  /** Whether everything is switched off; `AGENTOBS_DISABLED`. */
  disabled?: boolean | undefined;
}

/** Options with their defaults. */
export interface Settings {
  readonly apiKey: string | undefined;
  readonly endpoint: string;
  readonly serviceName: string | undefined;
  readonly environment: string | undefined;
  readonly release: string | undefined;
  readonly sampleRate: number;
  readonly captureContent: boolean;
  readonly mask: Mask | undefined;
  readonly spool: boolean;
  readonly spoolDir: string | undefined;
  readonly spoolMaxBytes: number;
  readonly queueMaxItems: number;
  readonly queueMaxBytes: number;
  readonly exitTimeoutMs: number;
  readonly disabled: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the settings: what the constructor says, else the environment, else the default; what cannot be read is left
 * at its default.
 */
export function resolveSettings(given: AgentObservabilityOptions, environment: Environment, guard: Guard): Settings {
  const warn = (name: string, instead: string): void =>
    guard.warn(`setting ${name}`, `${name} cannot be read; ${instead}`);
  const text = (name: string, value: string | undefined): string | undefined =>
    value ?? (environment[PREFIX + name]?.trim() || undefined);
  const flag = (name: string, value: boolean | undefined, otherwise: boolean): boolean => {
    if (typeof value === "boolean") return value;
    const stated = environment[PREFIX + name]?.trim().toLowerCase();
    if (stated === undefined || stated === "") return otherwise;
    if (["1", "true", "yes", "on"].includes(stated)) return true;
    if (["0", "false", "no", "off"].includes(stated)) return false;
    warn(PREFIX + name, `${otherwise} is used`);
    return otherwise;
  };
  const number = (
    name: string,
    value: number | undefined,
    otherwise: number,
    most = Number.MAX_SAFE_INTEGER,
  ): number => {
    const stated = environment[PREFIX + name]?.trim();
    const found = value ?? (stated ? Number(stated) : otherwise);
    if (typeof found === "number" && found >= 0 && found <= most) return found;
    warn(PREFIX + name, `${otherwise} is used`);
    return otherwise;
  };
  return {
    apiKey: text("API_KEY", given.apiKey)?.trim() || undefined,
    endpoint: readEndpoint(text("ENDPOINT", given.endpoint), guard),
    serviceName: text("SERVICE_NAME", given.serviceName) ?? environment.OTEL_SERVICE_NAME,
    environment: text("ENVIRONMENT", given.environment),
    release: text("RELEASE", given.release),
    sampleRate: number("SAMPLE_RATE", given.sampleRate, 1, 1),
    captureContent: flag("CAPTURE_CONTENT", given.captureContent, true),
    mask: given.mask,
    spool: flag("SPOOL", given.spool, true),
    spoolDir: text("SPOOL_DIR", given.spoolDir),
    spoolMaxBytes: number("SPOOL_MAX_BYTES", given.spoolMaxBytes, 256 * MEBIBYTE),
    queueMaxItems: number("QUEUE_MAX_ITEMS", given.queueMaxItems, 50_000),
    queueMaxBytes: number("QUEUE_MAX_BYTES", given.queueMaxBytes, 64 * MEBIBYTE),
    exitTimeoutMs: given.exitTimeoutMs ?? number("EXIT_TIMEOUT", undefined, 2, 3600) * 1_000,
    disabled: flag("DISABLED", given.disabled, false),
  };
}

function readEndpoint(stated: string | undefined, guard: Guard): string {
  if (stated === undefined) return DEFAULT_ENDPOINT;
  const endpoint = stated.replace(/\/+$/, "");
  if (/^https?:\/\//.test(endpoint) && URL.canParse(endpoint)) return endpoint;
  guard.warn("setting endpoint", `the endpoint is not an http or https address; ${DEFAULT_ENDPOINT} is used`);
  return DEFAULT_ENDPOINT;
}
