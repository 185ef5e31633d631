import { readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { beforeAll, describe, expect, test } from "vitest";

const ROOT = path.join(import.meta.dirname, "../..");
const ENTRIES = ["index", "edge", "testing"] as const;
const readme = readFileSync(path.join(ROOT, "README.md"), "utf8");
const manual = readFileSync(path.join(ROOT, "../docs/sdk/typescript.md"), "utf8");

let checker: ts.TypeChecker;
const exported = new Map<string, ts.Symbol[]>();

beforeAll(() => {
  const { options } = ts.parseJsonConfigFileContent(
    {
      compilerOptions: {
        strict: true,
        module: "esnext",
        moduleResolution: "bundler",
        target: "es2022",
        types: ["node"],
        skipLibCheck: true,
      },
    },
    ts.sys,
    ROOT,
  );
  const program = ts.createProgram(
    ENTRIES.map((name) => path.join(ROOT, "src", `${name}.ts`)),
    options,
  );
  checker = program.getTypeChecker();
  for (const name of ENTRIES) {
    const file = program.getSourceFile(path.join(ROOT, "src", `${name}.ts`));
    const symbol = file && checker.getSymbolAtLocation(file);
    const symbols = symbol ? checker.getExportsOfModule(symbol) : [];
    exported.set(
      name,
      symbols.map((one) => (one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one)),
    );
  }
}, 60_000);

const isInternal = (symbol: ts.Symbol): boolean => symbol.getJsDocTags().some((tag) => tag.name === "internal");
const hasComment = (symbol: ts.Symbol): boolean => symbol.getDocumentationComment(checker).length > 0;

/** Members that users of a class or interface see, those that it inherits from this package included. */
function membersOf(symbol: ts.Symbol): ts.Symbol[] {
  if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) return [];
  return checker
    .getDeclaredTypeOfSymbol(symbol)
    .getProperties()
    .filter((member) => {
      const declaration = member.declarations?.[0];
      if (declaration === undefined || !declaration.getSourceFile().fileName.startsWith(path.join(ROOT, "src")))
        return false;
      return !isInternal(member) && !/^(?:__#|#)/.test(member.name);
    });
}

describe("names, comments and README agree", () => {
  for (const entry of ENTRIES) {
    test(`every name of ${entry} says what it is, and is in the README`, () => {
      const symbols = exported.get(entry) ?? [];
      expect(symbols.length).toBeGreaterThan(3);
      expect(symbols.filter((symbol) => !hasComment(symbol)).map((symbol) => symbol.name)).toEqual([]);
      expect(symbols.filter((symbol) => !readme.includes(`\`${symbol.name}\``)).map((symbol) => symbol.name)).toEqual(
        [],
      );
    });
  }

  test("every method of a class says what it does, and is in the README", () => {
    const classes = (exported.get("index") ?? []).filter(
      (symbol) => symbol.flags & ts.SymbolFlags.Class && !symbol.name.endsWith("Exporter"),
    );
    expect(classes.map((symbol) => symbol.name).sort()).toEqual(["AgentObservability", "SpanHandle"]);
    const members = classes.flatMap(membersOf);
    expect(members.filter((member) => !hasComment(member)).map((member) => member.name)).toEqual([]);
    expect(members.filter((member) => !readme.includes(`\`${member.name}\``)).map((member) => member.name)).toEqual([]);
  });

  test("the README names nothing that is not there", () => {
    const table = readme.slice(readme.indexOf("## Names"), readme.indexOf("## Developing"));
    const named = [...table.matchAll(/`([A-Za-z]+)`/g)].map((match) => match[1] ?? "");
    const kinds = ["agent", "llm", "tool", "chain", "retriever", "embedding", "reranker", "guardrail", "evaluator"];
    const all = [...exported.values()].flat();
    const known = new Set([
      ...all.map((symbol) => symbol.name),
      ...all.flatMap(membersOf).map((member) => member.name),
      ...kinds,
    ]);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test("every option is in the manual, with its variable", () => {
    const options = (exported.get("index") ?? []).find((symbol) => symbol.name === "AgentObservabilityOptions");
    const names = options ? membersOf(options).map((member) => member.name) : [];
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const variable =
        name === "mask" ? "" : `\`AGENTOBS_${name.replace(/Ms$/, "").replace(/[A-Z]/g, "_$&").toUpperCase()}\``;
      expect(manual).toContain(`| \`${name}\` | ${variable}`.trimEnd());
    }
  });
});
