import { type ClassValue, clsx } from "clsx";

/** Utilities by what they set, the more particular rules first. */
const GROUPS: readonly (readonly [group: string, pattern: RegExp])[] = [
  ["display", /^(block|inline|inline-block|flex|inline-flex|grid|inline-grid|table|contents|hidden)$/],
  ["position", /^(static|fixed|absolute|relative|sticky)$/],
  ["sr", /^(not-)?sr-only$/],
  ["text-align", /^text-(left|center|right)$/],
  ["font-size", /^text-(xs|sm|base|lg|xl|2xl)$/],
  ["colour", /^text-/],
  ["weight", /^font-(normal|medium|semibold|bold)$/],
  ["family", /^font-(sans|mono)$/],
  ["border-width", /^border(-\d+)?$/],
  ["border-t", /^border-t(-\d+)?$/],
  ["border-r", /^border-r(-\d+)?$/],
  ["border-b", /^border-b(-\d+)?$/],
  ["border-l", /^border-l(-\d+)?$/],
  ["border-colour", /^border-/],
  ["direction", /^flex-(row|col)$/],
  ["wrap", /^flex-(wrap|nowrap)$/],
  ["flex", /^flex-(\d|auto|none)$/],
  ["outline-offset", /^outline-offset-/],
];

/** Groups that are named like their utilities: what is before the value. */
const NAMED =
  /^(p[xytrbl]?|m[xytrbl]?|w|h|size|min-w|max-w|min-h|max-h|gap-x|gap-y|gap|items|justify|content|self|shrink|grid-cols|grid-rows|col-span|col-start|inset-x|inset-y|inset|top|right|bottom|left|z|overflow-x|overflow-y|overflow|whitespace|opacity|rounded|bg|shadow|translate-x|translate-y|cursor|select|pointer-events|touch|leading|outline|decoration|underline-offset|transition|animate|accent|backdrop-blur|align)(-.+)?$/;

/** What a group takes away besides its own: a width on all sides those of single sides. */
const COVERS: Readonly<Record<string, readonly string[]>> = {
  p: ["px", "py", "pt", "pr", "pb", "pl"],
  px: ["pr", "pl"],
  py: ["pt", "pb"],
  m: ["mx", "my", "mt", "mr", "mb", "ml"],
  mx: ["mr", "ml"],
  my: ["mt", "mb"],
  "border-width": ["border-t", "border-r", "border-b", "border-l"],
  flex: ["shrink"],
  size: ["w", "h"],
  gap: ["gap-x", "gap-y"],
  inset: ["inset-x", "inset-y", "top", "right", "bottom", "left"],
  "inset-x": ["right", "left"],
  "inset-y": ["top", "bottom"],
  overflow: ["overflow-x", "overflow-y"],
  "font-size": ["leading"],
};

/** Where the variants of a class end, such as `md:` or `data-[state=on]:`; colons in brackets are part of a value. */
function variantsOf(name: string): number {
  let depth = 0;
  let end = 0;
  for (let index = 0; index < name.length; index += 1) {
    const sign = name[index];
    if (sign === "[" || sign === "(") depth += 1;
    else if (sign === "]" || sign === ")") depth -= 1;
    else if (sign === ":" && depth === 0) end = index + 1;
  }
  return end;
}

/** Variants and group of a class; the class itself where it is not known to stand in the way of another. */
function groupOf(name: string): readonly [variants: string, group: string] {
  const end = variantsOf(name);
  const utility = name.slice(end).replace(/^-/, "");
  const known = GROUPS.find(([, pattern]) => pattern.test(utility))?.[0] ?? NAMED.exec(utility)?.[1];
  return [name.slice(0, end), known ?? utility];
}

const merged = new Map<string, string>();

/**
 * Joins class names; of those that set the same thing the last one stays, so that what is given to a component wins.
 *
 * It knows the utilities that the dashboard uses, and a test holds it against tailwind-merge for every pair of them:
 * the library itself is a twentieth of all that a page loads.
 */
export function cn(...inputs: ClassValue[]): string {
  const joined = clsx(inputs);
  const known = merged.get(joined);
  if (known !== undefined) return known;
  const taken = new Set<string>();
  const kept: string[] = [];
  for (const name of joined.split(/\s+/).reverse()) {
    const [variants, group] = groupOf(name);
    if (name === "" || taken.has(variants + group)) continue;
    for (const covered of [group, ...(COVERS[group] ?? [])]) taken.add(variants + covered);
    kept.push(name);
  }
  const text = kept.reverse().join(" ");
  merged.set(joined, text);
  return text;
}
