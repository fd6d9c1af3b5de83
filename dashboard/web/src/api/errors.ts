/** A problem with one member of a request, as answers with code validation_failed tell it. */
export type Problem = { path: string; message: string };

/** An answer that is no success. Its message is the server's sentence for people. */
export class ApiError extends Error {
  constructor(
    /** The status; 0 where no answer came. */
    readonly status: number,
    /** The stable word for programs; `unreachable` where no answer came. */
    readonly code: string,
    message: string,
    readonly problems: Problem[] = [],
    readonly requestId = "",
    /** Seconds after which it can be tried again, where the server said so. */
    readonly retryAfter?: number,
    /** What else the answer says for programs, such as newMessageId with the code `retried`. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Tells whether the same request may succeed later: the server, its storage or the way there was at fault. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502;
  }
}

/** Reads the body of an answer that is no success. */
export function errorOf(response: Response, body: unknown): ApiError {
  const id = response.headers.get("x-request-id") ?? "";
  const after = Number(response.headers.get("retry-after")) || undefined;
  const b = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  if (typeof b.error !== "string" || typeof b.code !== "string") {
    // It was not our server: a proxy before it.
    return new ApiError(response.status, "no_answer_of_the_server", `${response.status} ${response.statusText}`.trim(), [], id, after);
  }
  const problems = Array.isArray(b.details)
    ? b.details.filter((d): d is Problem => typeof d?.path === "string" && typeof d?.message === "string")
    : [];
  const named = typeof b.details === "object" && b.details !== null && !Array.isArray(b.details);
  return new ApiError(response.status, b.code, b.error, problems, id, after, named ? b.details as Record<string, unknown> : {});
}
