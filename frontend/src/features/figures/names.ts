/** How things are called whose spans name none. */
const NAMELESS = {
  agent: "No agent named",
  model: "No model named",
  provider: "No provider named",
  environment: "No environment named",
  tool: "No tool named",
  span: "No name",
} as const;

export type Named = keyof typeof NAMELESS;

/** The name of an agent, model or the like in charts and tables. */
export function nameOf(kind: Named, name: string | null): string {
  return name ?? NAMELESS[kind];
}
