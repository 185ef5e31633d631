import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Workspace, type ShownTrace } from "../support/gateway";
import { ModelServer } from "../support/model";

const ROOT = path.join(import.meta.dirname, "../..");
let workspace: Workspace;
let spool: string;
let model: ModelServer;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  [workspace, model] = [await Workspace.create(), await ModelServer.start()];
  spool = mkdtempSync(path.join(tmpdir(), "ao-spool-"));
  environment = {
    ...process.env,
    AGENTOBS_API_KEY: workspace.apiKey,
    AGENTOBS_ENDPOINT: workspace.endpoint,
    AGENTOBS_SPOOL_DIR: spool,
    AGENTOBS_EXIT_TIMEOUT: "20",
    OPENAI_API_KEY: "none",
    OPENAI_BASE_URL: model.baseURL,
    NEXT_TELEMETRY_DISABLED: "1",
    NODE_ENV: "production",
  };
});

afterAll(() => {
  model.stop();
  rmSync(path.join(ROOT, ".examples"), { recursive: true, force: true });
  rmSync(spool, { recursive: true, force: true });
});

/** Makes an example runnable; it finds the package by its name, as it is built. */
async function compile(name: string): Promise<string> {
  const outfile = path.join(ROOT, ".examples", `${name}.mjs`);
  await build({
    entryPoints: [path.join(ROOT, "examples", `${name}.ts`)],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  return outfile;
}

async function run(name: string): Promise<string> {
  const child = spawn(process.execPath, [await compile(name)], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  let [out, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  await once(child, "close");
  expect([child.exitCode, errors]).toEqual([0, ""]);
  return out;
}

/** Waits for the newest trace of an agent. */
async function traceOf(agent: string): Promise<ShownTrace> {
  let found: ShownTrace | undefined;
  await expect
    .poll(async () => (found = (await workspace.traces(`&agent_id=${agent}`))[0]), { timeout: 20_000 })
    .toBeDefined();
  if (found === undefined) throw new Error("unreachable");
  return found;
}

test("basic", async () => {
  expect(await run("basic")).toBe("It is on its way.\n");
  expect(await traceOf("support-bot")).toMatchObject({
    name: "support-bot",
    span_count: 2,
    llm_call_count: 1,
    tokens_input: 900,
    user_id: "user-1",
    session_id: "session-1",
    input_preview: "Where is my order?",
    output_preview: "It is on its way.",
  });
});

test("streaming", async () => {
  expect(await run("streaming")).toBe("Once upon a time.\n");
  expect(await traceOf("storyteller")).toMatchObject({
    name: "stream answer",
    span_count: 1,
    input_preview: "time",
    output_preview: "Once upon a time.",
  });
});

test("tools", async () => {
  expect(await run("tools")).toContain("Order 7 is on its way.");
  const trace = await traceOf("shop-agent");
  expect(trace).toMatchObject({ name: "handle", span_count: 3, tool_call_count: 1 });
  const spans = await workspace.spans(trace.trace_id);
  expect(spans.map((span) => [span.kind, span.name]).sort()).toEqual([
    ["agent", "handle"],
    ["retriever", "searchHelp"],
    ["tool", "findOrder"],
  ]);
});

test("multi-agent", async () => {
  expect(await run("multi-agent")).toBe("refunded\n");
  const trace = (await workspace.traces()).find((one) => one.session_id === "session-7");
  const { data } = await workspace.get<{ data: unknown }>(`/api/v1/traces/${trace?.trace_id ?? ""}/graph`);
  for (const agent of ["triage", "billing"]) expect(JSON.stringify(data)).toContain(agent);
  expect(trace).toMatchObject({ name: "order 7", span_count: 4, tags: ["refund"] });
});

test("openai-compatible", async () => {
  expect(await run("openai-compatible")).toBe("It is on its way.\n");
  const traces = await workspace.traces("&agent_id=support-bot");
  expect(traces.find((one) => one.models.includes("gpt-4o-2024-08-06"))).toMatchObject({
    span_count: 2,
    llm_call_count: 1,
    tokens_input: 1234,
    tokens_output: 56,
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function ask(port: number, address: string, body: object, headers: Record<string, string> = {}): Promise<object> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${address}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      return (await answer.json()) as object;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}

test("express", async () => {
  const port = await freePort();
  const server = spawn(process.execPath, [await compile("express")], {
    env: { ...environment, PORT: String(port) },
    stdio: "ignore",
  });
  try {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    expect(await ask(port, "/chat", { question: "Where?", user: "ada" }, { traceparent })).toEqual({
      answer: "You asked: Where?",
    });
  } finally {
    await end(server);
  }
  expect(server.exitCode).toBe(0);
  expect(await workspace.spans("4bf92f3577b34da6a3ce929d0e0e4736")).toMatchObject([
    { name: "chat", parent_span_id: "00f067aa0ba902b7" },
    { name: "answer", kind: "llm" },
  ]);
});

test("nextjs, on Node and on its edge runtime", async () => {
  const folder = path.join(ROOT, "examples/nextjs");
  const next = path.join(ROOT, "node_modules/next/dist/bin/next");
  const built = spawnSync(process.execPath, [next, "build"], { cwd: folder, env: environment, encoding: "utf8" });
  expect(built.status, built.stdout + built.stderr).toBe(0);
  expect(built.stdout + built.stderr).not.toContain("not supported in the Edge Runtime");
  const port = await freePort();
  const server = spawn(process.execPath, [next, "start", "--port", String(port), "--hostname", "127.0.0.1"], {
    cwd: folder,
    env: environment,
    stdio: "ignore",
  });
  try {
    for (const address of ["chat", "edge"])
      expect(await ask(port, `/api/${address}`, { question: "Where?" })).toEqual({ answer: "You asked: Where?" });
    for (const agent of ["next-chat", "next-edge"]) {
      const spans = await workspace.spans((await traceOf(agent)).trace_id);
      const answer = spans.find((span) => span.kind === "llm");
      expect(spans.find((span) => span.span_id === answer?.parent_span_id)).toMatchObject({
        name: agent,
        kind: "agent",
      });
    }
  } finally {
    await end(server);
  }
}, 300_000);
