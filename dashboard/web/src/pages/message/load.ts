import { queryOptions } from "@tanstack/react-query";
import { address, answer, api, type Shape } from "../../api/client";
import { ApiError, errorOf } from "../../api/errors";
import { parseJson, type Json } from "../../api/json";
import { openJson, type Part } from "../../json/large";

/** A message with all that is known of it. Parts that are large are LargeJson, which stays in a worker. */
export type Whole = Omit<Shape<"WholeMessage">, "message" | "headers" | "output" | "retryOf"> & {
  message: { type: string; payload: Part; metadata?: Part };
  headers: Part;
  output?: Part;
  retryOf?: { failedId: string; messageId: string; payload?: Part };
};

const places = [["payload"], ["metadata"]].map((p) => ["message", "message", ...p])
  .concat([["message", "headers"], ["message", "output"], ["message", "retryOf", "payload"]]);

/** The message with an id in a transport. unmask shows an administrator what is hidden, which is audited. */
export const messageQuery = (id: string, transport: string, unmask = false) => queryOptions({
  queryKey: ["messages", "one", transport, id, unmask],
  queryFn: async ({ signal }): Promise<Whole> => {
    const query = new URLSearchParams({ transport, ...(unmask && { unmask: "true" }) });
    let response: Response;
    let text: string;
    try {
      response = await fetch(address(`/api/symphony/messages/${encodeURIComponent(id)}?${query}`), { signal, credentials: "same-origin" });
      text = await response.text();
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new ApiError(0, "unreachable", "The server cannot be reached.");
    }
    if (!response.ok) {
      let body: unknown;
      try {
        body = parseJson(text);
      } catch {
        body = undefined; // a proxy's page
      }
      throw errorOf(response, body);
    }
    const body = await openJson(text, places) as unknown as { message: Whole };
    return body.message;
  },
});

/** Which transport has a message, by its id or by that in the dead letter queue. */
export const whereQuery = (id: string) => queryOptions({
  queryKey: ["messages", "where", id],
  queryFn: ({ signal }) => answer(api.GET("/api/symphony/search", { params: { query: { id } }, signal })),
});

/** Its dead letter, which knows its group of failures. */
export const deadLetterQuery = (id: string, transport: string) => queryOptions({
  queryKey: ["failed", "one", transport, id],
  queryFn: ({ signal }) => answer(api.GET("/api/symphony/failed/{id}", { params: { path: { id }, query: { transport } }, signal })),
});

/** A value that says nothing: it has no members. */
export function isEmpty(p: Part | undefined): boolean {
  return p === undefined || p === null || (typeof p === "object" && !("entry" in p) && Object.keys(p as object).length === 0);
}

/** The id of the trace that it belongs to, out of its header traceparent. */
export function traceId(headers: Part): string | undefined {
  const value = (headers as { [name: string]: Json } | null)?.traceparent;
  return typeof value === "string" ? /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(value)?.[1] : undefined;
}
