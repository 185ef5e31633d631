import { SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, test, vi } from "vitest";
import { spanEncoder } from "../../src/encoding";
import { Guard } from "../../src/guard";
import { redactText } from "../../src/redact";
import { serialise, truncate } from "../../src/serialise";
import { TestObservability } from "../../src/testing";
import { cleanedBy, spansOf } from "../support/spans";

describe("values", () => {
  test("become text or JSON", () => {
    const cases: [unknown, string][] = [
      ["plain", "plain"],
      [1, "1"],
      [true, "true"],
      [null, "null"],
      [undefined, "null"],
      [12n, "12"],
      [Number.NaN, "NaN"],
      [{ a: [1, "b", null, undefined, Number.NaN] }, '{"a":[1,"b",null,null,"NaN"]}'],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      [new Map([["k", new Set([1, 2])]]), '{"k":[1,2]}'],
      [new Uint8Array(3), '"[3 bytes]"'],
      [new RangeError("no"), '{"name":"RangeError","message":"no"}'],
      [[2n ** 60n], '["1152921504606846976"]'],
      [
        function named() {
          return 1;
        },
        '"[function named]"',
      ],
      [Symbol("s"), '"Symbol(s)"'],
      [Promise.resolve(), '"[promise]"'],
      [Object.create(null), "{}"],
    ];
    for (const [value, text] of cases) expect(serialise(value)).toBe(text);
  });

  test("under the names of secrets are left out", () => {
    expect(
      serialise({
        apiKey: "x",
        api_key: "x",
        Authorization: "x",
        db_password: "x",
        openaiApiKey: "x",
        tokens: 3,
        inner: [{ clientSecret: "x" }],
        keyboard: "k",
      }),
    ).toBe(
      '{"apiKey":"<redacted>","api_key":"<redacted>","Authorization":"<redacted>","db_password":"<redacted>","openaiApiKey":"<redacted>","tokens":3,"inner":[{"clientSecret":"<redacted>"}],"keyboard":"k"}',
    );
  });

  test("that are hostile never throw, and stay bounded", () => {
    const cycle: Record<string, unknown> = { name: "loop" };
    cycle.self = cycle;
    let deep: unknown = "end";
    for (let depth = 0; depth < 10_000; depth++) deep = { deep };
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const hostile: unknown[] = [
      cycle,
      deep,
      revoked.proxy,
      {
        get bad() {
          throw new Error("getter");
        },
      },
      {
        toJSON() {
          throw new Error("toJSON");
        },
      },
      {
        toString() {
          throw new Error("toString");
        },
        [Symbol.toPrimitive]() {
          throw new Error("primitive");
        },
      },
      new Proxy(
        {},
        {
          ownKeys() {
            throw new Error("keys");
          },
          get() {
            throw new Error("get");
          },
        },
      ),
      Array.from({ length: 100_000 }, (_, index) => ({ index })),
      Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, "x".repeat(100)])),
      "x".repeat(5_000_000),
      ["x".repeat(5_000_000), "y".repeat(5_000_000)],
      "\ud800 lone",
      ["\udfff"],
      new (class {
        get [Symbol.toStringTag](): string {
          throw new Error("tag");
        }
      })(),
      new Map([[cycle, cycle]]),
    ];
    for (const value of hostile) expect(serialise(value).length).toBeLessThan(1_100_000);
    expect(serialise(cycle)).toBe('{"name":"loop","self":"[circular]"}');
    expect(serialise("x".repeat(1_000_010))).toMatch(/x…\[truncated 10 characters\]$/);
    expect(truncate("a😀b", 2)).toBe("a…[truncated 3 characters]");
  });

  test("made at random never throw, and are JSON wherever they are no text", () => {
    let seed = 42;
    const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
    const shared: unknown[] = [];
    const make = (depth: number): unknown => {
      switch (random(depth > 6 ? 8 : 14)) {
        case 0:
          return random(1e9) / 7;
        case 1:
          return String.fromCharCode(random(65_536), random(65_536), 34, 92, random(32));
        case 2:
          return [null, undefined, true, Number.POSITIVE_INFINITY, -0][random(5)];
        case 3:
          return BigInt(random(1e9)) ** 4n;
        case 4:
          return Symbol(String(random(9)));
        case 5:
          return () => random(9);
        case 6:
          return new Date(random(2) === 0 ? Number.NaN : random(1e9));
        case 7:
          return shared[random(shared.length + 1)];
        case 8:
        case 9: {
          const list: unknown[] = [];
          shared.push(list);
          for (let n = random(6); n > 0; n--) list.push(make(depth + 1));
          return list;
        }
        case 10:
          return new Map([[make(depth + 1), make(depth + 1)]]);
        case 11:
          return Object.assign(new Error("e"), { cause: make(depth + 1) });
        default: {
          const object: Record<string, unknown> = {};
          shared.push(object);
          for (let n = random(6); n > 0; n--)
            object[String(make(9) === undefined ? "u" : random(99))] = make(depth + 1);
          return object;
        }
      }
    };
    for (let round = 0; round < 3_000; round++) {
      const value = make(0);
      const text = serialise(value);
      if (typeof value === "object")
        expect(() => {
          JSON.parse(text);
        }).not.toThrow();
    }
  });

  test("that cannot be shown do not disturb the call", () => {
    const obs = new TestObservability();
    const bad = {
      get a() {
        throw new Error("getter");
      },
    };
    const returned = obs.trace({ name: "f" })((given: object) => given)(bad);
    expect(returned).toBe(bad);
    expect(obs.spans[0]?.attributes).toMatchObject({ "agentobs.input": '{"a":"[cannot be read]"}' });
  });
});

describe("secrets in text", () => {
  const secrets = [
    "sk-proj-abcdefghijklmnopqrstuvwxyz012345",
    `sk-ant-${"ab12".repeat(8)}`,
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "xoxb-123456789012-abcdefghij",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    `ao_live_${"a1".repeat(20)}`,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----",
  ];
  for (const secret of secrets) {
    test(`${secret.slice(0, 12)} is left out`, () => {
      expect(redactText(`use ${secret} here`)).toBe("use <redacted> here");
      expect(redactText(JSON.stringify({ note: secret }))).toBe('{"note":"<redacted>"}');
    });
  }

  test("named in JSON, and in JSON within JSON, are left out", () => {
    const inner = JSON.stringify({ password: 'a"b', user: "ada", cvv: 123 });
    expect(redactText(inner)).toBe('{"password":"<redacted>","user":"ada","cvv":"<redacted>"}');
    expect(redactText(JSON.stringify({ arguments: JSON.stringify({ password: "ab", user: "ada" }) }))).toBe(
      JSON.stringify({ arguments: JSON.stringify({ password: "<redacted>", user: "ada" }) }),
    );
  });

  test("are told apart from ordinary words", () => {
    for (const text of [
      "a task-force met",
      "bearer of good news",
      '{"max_tokens":100,"keyboard":"a","token_count":"7"}',
      "risk-assessment-of-the-project",
    ]) {
      expect(redactText(text)).toBe(text);
    }
  });

  test("leave by no way: attributes, lists, events, status", async () => {
    const secret = "sk-proj-abcdefghijklmnopqrstuvwxyz012345";
    const bytes = await cleanedBy(undefined, (span) => {
      span
        .setAttribute("other.instrumentation", `key ${secret}`)
        .setAttribute("list", [secret, "ok"])
        .setAttribute("db.password", "hunter2");
      span
        .addEvent("e", { detail: secret })
        .setStatus({ code: SpanStatusCode.ERROR, message: secret })
        .recordException(new Error(secret));
    });
    expect(bytes).not.toContain("sk-proj");
    expect(bytes).not.toContain("hunter2");
    expect(bytes).toContain("<redacted>");
  });
});

describe("the mask", () => {
  test("gets each text with its name, after redaction", async () => {
    const seen: [string, string][] = [];
    const bytes = await cleanedBy(
      (value, key) => {
        seen.push([key, value]);
        return value.replace("Ada", "***");
      },
      (span) => {
        span.setAttribute("agentobs.input", "Ada has sk-proj-abcdefghijklmnopqrstuvwxyz012345").setAttribute("n", 1);
      },
    );
    expect(seen).toEqual([["agentobs.input", "Ada has <redacted>"]]);
    expect(bytes).toContain("*** has <redacted>");
  });

  test("that fails drops the content and not the span", async () => {
    const bytes = await cleanedBy(
      () => {
        throw new Error("mask");
      },
      (span) => span.setAttribute("agentobs.input", "private"),
    );
    expect(bytes).not.toContain("private");
    expect(bytes).toContain("<removed: the mask failed>");
  });
});

test("nothing that is handed over makes the SDK throw, or changes what a call returns", () => {
  const odd: unknown[] = [
    undefined,
    null,
    Symbol("s"),
    1n,
    Number.NaN,
    -1,
    "",
    [],
    {},
    () => 1,
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("get");
        },
      },
    ),
    Object.create(null),
    "\ud800",
  ];
  vi.mocked(Guard.prototype).failed.mockImplementation(() => undefined);
  const obs = new TestObservability();
  const any = obs as unknown as Record<string, (...given: unknown[]) => unknown>;
  for (const value of odd) {
    const returned = obs.trace("outer", () => {
      for (const method of ["setInput", "setOutput", "setCost", "tag", "score", "feedback", "outcome", "handoff"])
        any[method]?.(value, value);
      any.setUsage?.({ inputTokens: value, model: value });
      for (const name of [
        "agentId",
        "userId",
        "sessionId",
        "environment",
        "tags",
        "metadata",
        "parent",
        "kind",
        "captureContent",
      ]) {
        expect(obs.trace("inner", { [name]: value }, () => "inner")).toBe("inner");
      }
      return "outer";
    });
    expect(returned).toBe("outer");
    expect(obs.trace(value as string, () => 1)).toBe(1);
  }
});

test("a span that cannot be encoded does not take the others along", async () => {
  vi.mocked(Guard.prototype).failed.mockImplementation(() => undefined);
  const spans = await spansOf(3, () => undefined);
  Object.assign(spans[1] ?? {}, { name: Symbol("odd"), links: [{ context: null }] });
  const text = new TextDecoder().decode(spanEncoder(new Guard(() => undefined), undefined)(spans));
  for (const name of ["span 0", "unnamed", "span 2"]) expect(text).toContain(name);
});

test("warnings come at most once a minute of each kind", () => {
  const said: string[] = [];
  const guard = new Guard((message) => void said.push(message));
  for (let round = 0; round < 100; round++) {
    guard.warn("a", "first");
    guard.warn("b", "second");
  }
  expect(said).toEqual(["agent-observability: first", "agent-observability: second"]);
});
