const TYPES: Record<string, string> = { API_ACCESS_KEY: "API key", USER_LOGIN: "Sign-in" };

/** A word of the wire as people read it: `PASSWORD_RESET_STARTED` is `Password reset started`. */
export function plain(word: string): string {
  const text = TYPES[word] ?? word.toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
