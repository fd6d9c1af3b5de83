import createClient from "openapi-fetch";
import { ApiError, errorOf } from "./errors";
import { parseJson, writeJson } from "./json";
import type { components, paths } from "./schema";

/** A shape of the API by its name in the OpenAPI document. */
export type Shape<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** Where the server's root is, with a slash at its end: / unless a proxy serves it under a prefix. It is told relative to the page. */
export const root = new URL(document.querySelector<HTMLMetaElement>('meta[name="symphony-root"]')?.content || "/", document.baseURI).pathname;

/** The address of a path of the server, such as /api/symphony/events. */
export function address(path: string): string {
  return root + path.replace(/^\//, "");
}

/** Fetches like fetch, but reads JSON without losing digits, and throws ApiError where no answer comes. */
async function losslessFetch(request: Request): Promise<Response> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(request);
    text = await response.text();
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    throw new ApiError(0, "unreachable", "The server cannot be reached.");
  }
  const headers = new Headers(response.headers);
  // openapi-fetch asks for json() where it knows the length, and parses by itself where not.
  headers.set("content-length", String(text.length));
  const bodiless = response.status === 204 || response.status === 304;
  const read = new Response(bodiless ? null : text, { status: response.status, statusText: response.statusText, headers });
  Object.defineProperty(read, "json", { value: async () => parseJson(text) });
  return read;
}

/** The API, typed by its OpenAPI document. Give its answers to `answer`. */
export const api = createClient<paths>({
  baseUrl: root === "/" ? "" : root.replace(/\/$/, ""),
  fetch: losslessFetch,
  credentials: "same-origin",
  // JSON.stringify would write what LosslessNumber is made of.
  bodySerializer: (body: unknown) => (typeof body === "string" || body instanceof Blob ? body : writeJson(body)),
  querySerializer: { array: { style: "form", explode: true }, object: { style: "form", explode: true } },
});

/** The body of a success; whatever else was answered is thrown as ApiError. */
export async function answer<Data>(asked: Promise<{ data?: Data; error?: unknown; response: Response }>): Promise<Data> {
  const { data, error, response } = await asked;
  if (!response.ok) throw errorOf(response, error);
  return data as Data;
}
