import { createRequire } from "node:module";
import type { TracerProvider } from "@opentelemetry/api";
import type { Guard } from "../guard";
import { traceOpenAI } from "./openai";

/** Libraries whose calls can be traced by instrumentations of others, where those are installed. */
export type InstrumentationName =
  "openai" | "anthropic" | "langchain" | "bedrock" | "openai-agents" | "claude-agent-sdk" | "ai";

type Module = Record<string, unknown>;

/** A library and the package by others that traces it. */
interface Maintained {
  readonly library: string;
  readonly package: string;
  /** What that package exports. */
  readonly export: string;
  /** Returns a method that another instrumentation would have wrapped already. */
  readonly probe?: (library: Module) => unknown;
}

const OPENINFERENCE = "@arizeai/openinference-instrumentation";
const MAINTAINED: Record<Exclude<InstrumentationName, "openai" | "ai">, Maintained> = {
  anthropic: {
    library: "@anthropic-ai/sdk",
    package: `${OPENINFERENCE}-anthropic`,
    export: "AnthropicInstrumentation",
    probe: (library) => at(library, "Anthropic", "Messages", "prototype", "create"),
  },
  langchain: {
    library: "@langchain/core/callbacks/manager",
    package: `${OPENINFERENCE}-langchain`,
    export: "LangChainInstrumentation",
  },
  bedrock: {
    library: "@aws-sdk/client-bedrock-runtime",
    package: `${OPENINFERENCE}-bedrock`,
    export: "BedrockInstrumentation",
  },
  "openai-agents": {
    library: "@openai/agents",
    package: `${OPENINFERENCE}-openai-agents`,
    export: "OpenAIAgentsInstrumentation",
  },
  "claude-agent-sdk": {
    library: "@anthropic-ai/claude-agent-sdk",
    package: `${OPENINFERENCE}-claude-agent-sdk`,
    export: "ClaudeAgentSDKInstrumentation",
  },
};

/** Names of all that can be switched on. */
export const INSTRUMENTATION_NAMES: readonly InstrumentationName[] = [
  "openai",
  "ai",
  ...(Object.keys(MAINTAINED) as (keyof typeof MAINTAINED)[]),
];

export interface SwitchParts {
  readonly provider: TracerProvider;
  readonly guard: Guard;
  readonly capturesContent: boolean;
}

const switchedOn = new Set<InstrumentationName>();

/** Switches on what is installed of the named instrumentations, and returns the names of those that are on. */
export async function switchOn(
  names: readonly InstrumentationName[],
  parts: SwitchParts,
): Promise<InstrumentationName[]> {
  const on: InstrumentationName[] = [];
  for (const name of names) {
    try {
      if (!switchedOn.has(name) && !(await switchOne(name, parts))) continue;
      switchedOn.add(name);
      on.push(name);
    } catch (error) {
      parts.guard.failed(error);
    }
  }
  return on;
}

async function switchOne(name: InstrumentationName, parts: SwitchParts): Promise<boolean> {
  if (name === "openai") return emitOpenAI(parts);
  return name === "ai" ? registerVercel(parts.provider) : instrument(MAINTAINED[name], parts.provider);
}

/**
 * Calls of OpenAI's client are traced here: the packages of others for it lose streamed usage or errors, or return
 * other objects than the client does.
 */
async function emitOpenAI({ provider, guard, capturesContent }: SwitchParts): Promise<boolean> {
  const libraries = (await load("openai")).filter(
    (library) => typeof at(library, "OpenAI", "Chat", "Completions") === "function",
  );
  const free = libraries.filter(
    (library) => !isWrapped(at(library, "OpenAI", "Chat", "Completions", "prototype", "create")),
  );
  const tracer = provider.getTracer("@agent-observability/sdk/openai");
  for (const library of free) traceOpenAI(library, { tracer, guard }, capturesContent);
  return free.length > 0;
}

async function instrument(one: Maintained, provider: TracerProvider): Promise<boolean> {
  const make = constructorIn(await load(one.package), one.export);
  if (make === undefined) return false;
  const libraries = await load(one.library);
  const free = libraries.filter((library) => !isWrapped(one.probe?.(library)));
  if (free.length === 0) return false;
  const instrumentation = new make({ tracerProvider: provider }) as { manuallyInstrument?: (library: Module) => void };
  if (typeof instrumentation.manuallyInstrument !== "function") return false;
  for (const library of free) instrumentation.manuallyInstrument(library);
  return true;
}

/** The Vercel AI SDK traces itself since its version 7, once it is given OpenTelemetry. */
async function registerVercel(provider: TracerProvider): Promise<boolean> {
  const [emitters, libraries] = await Promise.all([load("@ai-sdk/otel"), load("ai")]);
  const make = constructorIn(emitters, "OpenTelemetry");
  const register = libraries.map((library) => library.registerTelemetry).find((held) => typeof held === "function");
  if (make === undefined || register === undefined) return false;
  (register as (integration: unknown) => void)(new make({ tracer: provider.getTracer("gen_ai") }));
  return true;
}

function constructorIn(modules: readonly Module[], name: string): (new (options: object) => unknown) | undefined {
  return modules.map((held) => held[name]).find((held) => typeof held === "function") as
    (new (options: object) => unknown) | undefined;
}

/**
 * Returns a package in the forms that it is loaded in: many have one for `import` and another one for `require`, with
 * classes of their own.
 */
async function load(name: string): Promise<Module[]> {
  const require = createRequire(import.meta.url);
  const forms = await Promise.all([
    import(name).catch(() => undefined) as Promise<Module | undefined>,
    new Promise<Module | undefined>((resolve) => {
      try {
        resolve(require(name) as Module);
      } catch {
        resolve(undefined);
      }
    }),
  ]);
  const [imported, required] = forms;
  return [imported, required === imported?.default ? undefined : required].filter((form) => form !== undefined);
}

function isWrapped(method: unknown): boolean {
  return typeof method === "function" && "__wrapped" in method && method.__wrapped === true;
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (held, key) => (held === undefined || held === null ? undefined : (held as Module)[key]),
    value,
  );
}
