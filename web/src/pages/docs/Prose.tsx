/** The document's text: what stands between backticks is code. */
export function Prose({ children }: { children: string | undefined }) {
  if (!children) return null;
  return children.split("`").map((part, position) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of one unchanging text
    position % 2 === 1 ? <code key={position}>{part}</code> : part,
  );
}
