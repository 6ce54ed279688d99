import { QueryClient } from "@tanstack/react-query";
import createClient from "openapi-fetch";
import type { paths } from "./schema";

/** A refusal by the server, or its silence, in words that can be shown. */
export class ApiError extends Error {
  constructor(
    /** 0 where there was no answer. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | undefined,
  ) {
    super(message);
  }
}

/** Every call of the API, typed by the document that the server itself makes. */
export const api = createClient<paths>({ baseUrl: "/", credentials: "same-origin" });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What the call answered, or an `ApiError`. */
export async function answer<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call.catch(() => {
    throw new ApiError(
      0,
      "NETWORK",
      "The server did not answer. Is it running, and are you connected to it?",
      undefined,
    );
  });
  if (response.ok) return data as T;
  const body = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : undefined);
  const failure = new ApiError(
    response.status,
    text("code") ?? "UNKNOWN",
    text("message") ?? `The server answered ${response.status}.`,
    text("requestId") ?? response.headers.get("x-request-id") ?? undefined,
  );
  if (response.status === 401) signedOut();
  throw failure;
}

/** The session's place among the answers. */
export const SESSION = ["session"] as const;

/** Whoever looks at a page that needs a session is then led to the sign-in page, and back. */
function signedOut(): void {
  if (queryClient.getQueryData(SESSION)) queryClient.setQueryData(SESSION, null);
}

/** Asking again can help only where the server was not reached or said so. */
function isPassing(error: Error): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status === 503;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) => count < 2 && isPassing(error),
      retryDelay: (count) => 400 * 2 ** count,
      networkMode: "always",
    },
  },
});
