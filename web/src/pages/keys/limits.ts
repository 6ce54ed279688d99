/** Networks as they are typed, one a line or with commas; `undefined` where none is named. */
export function networksOf(text: string): string[] | undefined {
  const networks = text.split(/[\s,;]+/).filter(Boolean);
  return networks.length > 0 ? networks : undefined;
}

export const rateOf = (text: string): number | undefined => (text.trim() ? Number(text) : undefined);
