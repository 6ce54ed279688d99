const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdg\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/Chrome\//, "Chrome"],
  [/\bVersion\/\S+.* Safari\//, "Safari"],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

const named = (agent: string, known: readonly [RegExp, string][]) =>
  known.find(([pattern]) => pattern.test(agent))?.[1];

/** `Firefox on Linux`; of other programs what they call themselves first. */
export function programOf(agent: string | null | undefined): string {
  if (!agent) return "Unknown program";
  const browser = named(agent, BROWSERS);
  if (!browser) return agent.split(" ")[0] ?? agent;
  const system = named(agent, SYSTEMS);
  return system ? `${browser} on ${system}` : browser;
}
