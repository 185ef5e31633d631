import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { twMerge } from "tailwind-merge";
import { expect, it } from "vitest";
import { cn } from "@/lib/cn";

/** Every word in a string of the dashboard's components that is a class of Tailwind. */
function vocabulary(): string[] {
  const words = new Set<string>();
  for (const file of readdirSync(path.join(process.cwd(), "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".tsx") || file.includes(".test.")) continue;
    const source = readFileSync(path.join(process.cwd(), "src", file), "utf8");
    for (const [, , text = ""] of source.matchAll(/(["'`])((?:(?!\1)[^\\\n]|\\.)*)\1/g)) {
      for (const word of text.split(/\s+/)) if (word !== "" && !word.includes("$")) words.add(word);
    }
  }
  // tailwind-merge takes a class that comes twice away only where it knows it.
  return [...words].filter((word) => twMerge(`${word} ${word}`) === word);
}

it("keeps of any two classes what tailwind-merge keeps", () => {
  const words = vocabulary();
  expect(words.length).toBeGreaterThan(300);
  const differences: string[] = [];
  for (const first of words) {
    for (const second of words) {
      const expected = twMerge(first, second);
      if (first !== second && cn(first, second) !== expected) differences.push(`${first} ${second}: ${expected}`);
    }
  }
  expect(differences.slice(0, 20)).toEqual([]);
});

it("keeps the last of several, and what is said for other states", () => {
  expect(cn("p-5 px-2 hover:p-1", false, ["p-3", { "text-right": true }], "text-left")).toBe("hover:p-1 p-3 text-left");
  expect(cn("hidden md:inline-flex", "inline-flex")).toBe("md:inline-flex inline-flex");
  expect(cn("data-[state=a:b]:p-1", "data-[state=a:c]:p-2")).toBe("data-[state=a:b]:p-1 data-[state=a:c]:p-2");
});
