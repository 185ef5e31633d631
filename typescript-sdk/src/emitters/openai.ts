import type { Attributes } from "@opentelemetry/api";
import { KEY } from "../attributes";
import { serialise } from "../serialise";
import { isObject, traceMethod, type EmitterParts, type Method, type Reader } from "./call";

type Json = Record<string, unknown>;

/** Traces calls of OpenAI's client: chat completions, completions, responses and embeddings. */
export function traceOpenAI(library: Json, parts: EmitterParts, capturesContent: boolean): void {
  const { OpenAI } = library as { OpenAI: Record<string, { prototype: Json; Completions: { prototype: Json } }> };
  const methods = makeMethods(capturesContent);
  const at: [Json | undefined, Method][] = [
    [OpenAI.Chat?.Completions.prototype, methods.chat],
    [OpenAI.Completions?.prototype, methods.completions],
    [OpenAI.Responses?.prototype, methods.responses],
    [OpenAI.Embeddings?.prototype, methods.embeddings],
  ];
  for (const [prototype, method] of at) if (prototype !== undefined) traceMethod(prototype, "create", method, parts);
}

function makeMethods(captures: boolean): Record<"chat" | "completions" | "responses" | "embeddings", Method> {
  const content = (key: string, value: unknown): Attributes =>
    captures && value !== undefined && value !== null ? { [key]: serialise(value) } : {};
  return {
    chat: {
      operation: "chat",
      request: (body, client) => ({
        ...requestAttributes(body, client),
        ...content(KEY.inputMessages, body.messages),
        ...content(KEY.toolDefinitions, body.tools),
      }),
      reader: () => new ChatReader(content),
    },
    completions: {
      operation: "text_completion",
      request: (body, client) => ({ ...requestAttributes(body, client), ...content(KEY.input, body.prompt) }),
      reader: () => new ChatReader(content),
    },
    responses: {
      operation: "chat",
      request: (body, client) => ({
        ...requestAttributes(body, client),
        ...content(
          KEY.inputMessages,
          typeof body.input === "string" ? [{ role: "user", content: body.input }] : body.input,
        ),
        ...content(KEY.system, body.instructions),
        ...content(KEY.toolDefinitions, body.tools),
      }),
      reader: () => new ResponsesReader(content),
    },
    embeddings: {
      operation: "embeddings",
      request: (body, client) => ({ ...requestAttributes(body, client), ...content(KEY.input, body.input) }),
      reader: () => ({
        whole: (answer) => ({ ...answerAttributes(answer), ...usageAttributes(answer.usage) }),
        part: () => false,
        parts: () => ({}),
      }),
    },
  };
}

type Content = (key: string, value: unknown) => Attributes;

const PARAMETERS = {
  temperature: "temperature",
  top_p: "top_p",
  max_tokens: "max_tokens",
  max_completion_tokens: "max_tokens",
  max_output_tokens: "max_tokens",
  seed: "seed",
  frequency_penalty: "frequency_penalty",
  presence_penalty: "presence_penalty",
  n: "choice.count",
  reasoning_effort: "reasoning_effort",
} as const;

function requestAttributes(body: Json, client: unknown): Attributes {
  const attributes: Attributes = { [KEY.provider]: providerOf(client) };
  if (typeof body.model === "string") attributes[KEY.requestModel] = body.model;
  for (const [name, convention] of Object.entries(PARAMETERS)) {
    const value = body[name];
    if (typeof value === "number" || typeof value === "string") attributes[`gen_ai.request.${convention}`] = value;
  }
  if (body.stream === true) attributes["gen_ai.request.stream"] = true;
  return attributes;
}

/** Names of providers whose own addresses speak OpenAI's language. */
const PROVIDERS: readonly [RegExp, string][] = [
  [/\.azure\.com$/, "azure.ai.openai"],
  [/(^|\.)mistral\.ai$/, "mistral_ai"],
  [/(^|\.)groq\.com$/, "groq"],
  [/(^|\.)deepseek\.com$/, "deepseek"],
  [/(^|\.)x\.ai$/, "x_ai"],
  [/(^|\.)perplexity\.ai$/, "perplexity"],
  [/(^|\.)googleapis\.com$/, "gcp.gemini"],
  [/(^|\.)anthropic\.com$/, "anthropic"],
  [/(^|\.)cohere\.(com|ai)$/, "cohere"],
];

function providerOf(resource: unknown): string {
  const client = isObject(resource) && isObject(resource._client) ? resource._client : undefined;
  if (typeof client?.baseURL !== "string" || !URL.canParse(client.baseURL)) return "openai";
  const { hostname } = new URL(client.baseURL);
  return PROVIDERS.find(([host]) => host.test(hostname))?.[1] ?? "openai";
}

function answerAttributes(answer: Json): Attributes {
  return {
    ...(typeof answer.id === "string" ? { [KEY.responseId]: answer.id } : {}),
    ...(typeof answer.model === "string" ? { [KEY.model]: answer.model } : {}),
  };
}

function usageAttributes(usage: unknown): Attributes {
  if (!isObject(usage)) return {};
  const attributes: Attributes = {};
  const set = (key: string, ...held: unknown[]): void => {
    const value = held.find((one) => typeof one === "number");
    if (typeof value === "number") attributes[key] = value;
  };
  const details = (name: string): Json => (isObject(usage[name]) ? usage[name] : {});
  set(KEY.inputTokens, usage.prompt_tokens, usage.input_tokens);
  set(KEY.outputTokens, usage.completion_tokens, usage.output_tokens);
  set(KEY.cachedTokens, details("prompt_tokens_details").cached_tokens, details("input_tokens_details").cached_tokens);
  set(
    KEY.reasoningTokens,
    details("completion_tokens_details").reasoning_tokens,
    details("output_tokens_details").reasoning_tokens,
  );
  return attributes;
}

/** A choice as its parts put it together. */
interface Choice {
  role: string;
  content: string;
  refusal?: string;
  tool_calls: Json[];
  finish?: string;
}

/** Reads chat completions and completions. */
class ChatReader implements Reader {
  readonly #content: Content;
  readonly #choices = new Map<number, Choice>();
  #last: Json = {};
  #usage: unknown;

  constructor(content: Content) {
    this.#content = content;
  }

  whole(answer: Json): Attributes {
    const choices = list(answer.choices);
    const finish = choices.map((choice) => choice.finish_reason).filter((reason) => typeof reason === "string");
    const said = choices.map((choice) =>
      isObject(choice.message) ? choice.message : { role: "assistant", content: choice.text },
    );
    return {
      ...answerAttributes(answer),
      ...usageAttributes(answer.usage),
      ...(finish.length > 0 ? { [KEY.finishReasons]: finish } : {}),
      ...this.#content(KEY.outputMessages, said),
    };
  }

  part(part: Json): boolean {
    this.#last = part;
    if (isObject(part.usage)) this.#usage = part.usage;
    let brings = false;
    for (const choice of list(part.choices)) {
      const held = this.#choice(typeof choice.index === "number" ? choice.index : 0);
      if (typeof choice.finish_reason === "string") held.finish = choice.finish_reason;
      const delta = isObject(choice.delta) ? choice.delta : { content: choice.text };
      if (typeof delta.role === "string") held.role = delta.role;
      if (typeof delta.content === "string") held.content += delta.content;
      if (typeof delta.refusal === "string") held.refusal = (held.refusal ?? "") + delta.refusal;
      for (const call of list(delta.tool_calls)) addToolCall(held.tool_calls, call);
      brings ||= Boolean(delta.content) || Boolean(delta.tool_calls);
    }
    return brings;
  }

  #choice(index: number): Choice {
    const held = this.#choices.get(index) ?? { role: "assistant", content: "", tool_calls: [] };
    this.#choices.set(index, held);
    return held;
  }

  parts(): Attributes {
    if (this.#choices.size === 0) return usageAttributes(this.#usage);
    const choices = [...this.#choices.values()].map(({ finish, tool_calls: calls, ...message }) => ({
      finish_reason: finish,
      message: calls.length > 0 ? { ...message, tool_calls: calls.filter(isObject) } : message,
    }));
    return this.whole({ ...this.#last, usage: this.#usage, choices });
  }
}

function addToolCall(calls: Json[], part: Json): void {
  const index = typeof part.index === "number" && part.index < 1_000 ? part.index : calls.length;
  const given = isObject(part.function) ? part.function : {};
  const held = (calls[index] ??= { id: part.id, type: "function", function: { name: "", arguments: "" } });
  const call = held.function as { name: string; arguments: string };
  if (typeof given.name === "string") call.name += given.name;
  if (typeof given.arguments === "string") call.arguments += given.arguments;
}

/** Reads the answers of the Responses API; when streamed, its last event holds the whole. */
class ResponsesReader implements Reader {
  readonly #content: Content;
  #whole: Json | undefined;
  #text = "";

  constructor(content: Content) {
    this.#content = content;
  }

  whole(answer: Json): Attributes {
    const output = list(answer.output);
    const text = output
      .flatMap((item) => list(item.content))
      .map((part) => part.text)
      .filter((part) => typeof part === "string")
      .join("");
    const calls = output
      .filter((item) => item.type === "function_call")
      .map((item) => ({
        id: item.call_id,
        type: "function",
        function: { name: item.name, arguments: item.arguments },
      }));
    const message = {
      role: "assistant",
      content: text || this.#text,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    };
    return {
      ...answerAttributes(answer),
      ...usageAttributes(answer.usage),
      ...(typeof answer.status === "string" ? { [KEY.finishReasons]: [answer.status] } : {}),
      ...this.#content(KEY.outputMessages, [message]),
    };
  }

  part(part: Json): boolean {
    if (isObject(part.response)) this.#whole = part.response;
    if (part.type !== "response.output_text.delta" || typeof part.delta !== "string") return false;
    this.#text += part.delta;
    return true;
  }

  parts(): Attributes {
    return this.#whole === undefined ? {} : this.whole(this.#whole);
  }
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
