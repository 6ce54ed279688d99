/** A line that tries a key, with the address by which the reader came here. */
export const curlFor = (key: string): string =>
  `curl -H "x-api-key: ${key}" ${location.origin}/gateway/sei/api/v2/developers/schema`;
