/** The last of the eight colours is that of everything which is not listed. */
const COUNT = 7;
export const OTHER_COLOUR = "var(--chart-8)";

/** The colour of a position in a chart. */
export function seriesColour(index: number): string {
  return `var(--chart-${(index % COUNT) + 1})`;
}

/** The colour of a model, agent or kind: the same on every page. FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
export function identityColour(name: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1) {
    hash ^= name.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return seriesColour((hash >>> 0) % COUNT);
}

/** Colours of several identities in one chart: those of the names, but no two alike while there are enough. */
export function identityColours(names: readonly string[]): Map<string, string> {
  const taken = new Set<string>();
  const colours = new Map<string, string>();
  for (const name of names) {
    let colour = identityColour(name);
    for (let step = 0; taken.has(colour) && taken.size < COUNT && step < COUNT; step += 1) colour = seriesColour(step);
    taken.add(colour);
    colours.set(name, colour);
  }
  return colours;
}
