import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { describe, expect, expectTypeOf, test as base } from "vitest";
import { observabilityFixture } from "../../src/testing";

const test = base.extend({ obs: observabilityFixture });
const ROOT = path.join(import.meta.dirname, "../..");

describe("standard decorators", () => {
  test("trace methods and keep this, arguments and types", async ({ obs }) => {
    class Agent {
      greeting = "Hello";
      @obs.trace({ agentId: "support-bot", kind: "agent" })
      async answer(name: string, times = 1): Promise<string> {
        return `${this.greeting} ${name}`.repeat(times);
      }
      @obs.trace()
      static make(): Agent {
        return new Agent();
      }
      @obs.trace("numbers")
      *numbers(): Generator<number> {
        yield 1;
        yield 2;
      }
    }
    const agent = Agent.make();
    expectTypeOf(agent.answer).toEqualTypeOf<(name: string, times?: number) => Promise<string>>();
    expect(await agent.answer("Ada")).toBe("Hello Ada");
    expect([...agent.numbers()]).toEqual([1, 2]);
    expect([agent.answer.name, agent.answer.length]).toEqual(["answer", 1]);
    expect(obs.spans.map((span) => span.name)).toEqual(["make", "answer", "numbers"]);
    expect(obs.spans[1]?.attributes).toMatchObject({
      "gen_ai.agent.name": "support-bot",
      "agentobs.input": "Ada",
      "agentobs.output": "Hello Ada",
    });
    expect(obs.spans[2]?.attributes["agentobs.output"]).toBe("[1,2]");
  });

  test("trace all methods of a class", ({ obs }) => {
    @obs.trace({ agentId: "clerk" })
    class Clerk {
      count = 0;
      get total(): number {
        return this.count;
      }
      add(more: number): this {
        this.count += more;
        return this;
      }
      #hidden(): number {
        return this.count;
      }
      read(): number {
        return this.#hidden();
      }
    }
    const clerk = new Clerk();
    expect(clerk.add(2).add(3).read()).toBe(5);
    expect([clerk.total, clerk instanceof Clerk, Clerk.name]).toEqual([5, true, "Clerk"]);
    expect(obs.spans.map((span) => span.name)).toEqual(["Clerk.add", "Clerk.add", "Clerk.read"]);
  });
});

describe("wrapped functions", () => {
  test("keep name, number of parameters, kind and own properties", ({ obs }) => {
    const plain = Object.assign(
      function add(a: number, b: number) {
        return a + b;
      },
      { help: "adds" },
    );
    const wrapped = obs.trace()(plain);
    expectTypeOf(wrapped).toEqualTypeOf(plain);
    expect([wrapped.name, wrapped.length, wrapped.help, wrapped(1, 2)]).toEqual(["add", 2, "adds", 3]);
    expect(Object.prototype.toString.call(obs.trace()(async () => 1))).toBe("[object AsyncFunction]");
  });

  test("can still be constructors", ({ obs }) => {
    function Point(this: { x: number }, x: number): void {
      this.x = x;
    }
    const Wrapped = obs.trace()(Point) as unknown as new (x: number) => { x: number };
    expect(new Wrapped(4)).toMatchObject({ x: 4 });
    expect(new Wrapped(4)).toBeInstanceOf(Point);
  });
});

base("experimental decorators of TypeScript work the same", async () => {
  const folder = mkdtempSync(path.join(ROOT, "node_modules", ".experimental-"));
  try {
    writeFileSync(
      path.join(folder, "app.ts"),
      `
      import { TestObservability } from "../../src/testing";
      const obs = new TestObservability();
      class Agent {
        greeting = "Hello";
        @obs.trace({ agentId: "bot" })
        async answer(name: string): Promise<string> { return this.greeting + " " + name; }
        @obs.trace() static make() { return new Agent(); }
      }
      @obs.trace() class Clerk { read() { return 1; } }
      await Agent.make().answer("Ada");
      new Clerk().read();
      console.log(JSON.stringify(obs.spans.map((span) => [span.name, span.attributes["agentobs.output"] ?? null])));
    `,
    );
    await build({
      entryPoints: [path.join(folder, "app.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      packages: "external",
      outfile: path.join(folder, "app.mjs"),
      logLevel: "error",
      tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
    });
    const { stdout, stderr } = spawnSync(process.execPath, [path.join(folder, "app.mjs")], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual([
      ["make", '{"greeting":"Hello"}'],
      ["answer", "Hello Ada"],
      ["Clerk.read", "1"],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
