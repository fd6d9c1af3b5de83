import { serverClock } from "./clock";
import { ApiError, errorOf } from "./errors";
import { parseJson, writeJson } from "./json";
import type { components, paths } from "./schema";

/** A shape of the API by its name in the OpenAPI document. */
export type Shape<Name extends keyof components["schemas"]> = components["schemas"][Name];

let found: string | undefined;

/** Where the server's root is, with a slash at its end: / unless a proxy serves it under a prefix. It is told relative to the page. */
export function root(): string {
  found ??= new URL(document.querySelector<HTMLMetaElement>('meta[name="symphony-root"]')?.content || "/", document.baseURI).pathname;
  return found;
}

/** The address of a path of the server, such as /api/symphony/events. */
export function address(path: string): string {
  return root() + path.replace(/^\//, "");
}

type Method = "get" | "post" | "put" | "patch" | "delete";

// The types are kept this plain because openapi-fetch's, which also tell every error of every status, took the compiler
// minutes for the hundred calls of the page.
type PathsWith<M extends Method> = { [P in keyof paths]: paths[P] extends { [K in M]: { responses: unknown } } ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>;
type QueryOf<O> = O extends { parameters: { query?: infer Q } } ? Q : never;
type Params<O> = O extends { parameters: { path: infer P } } ? { params: { path: P; query?: QueryOf<O> } } : { params?: { query?: QueryOf<O> } };
type BodyOf<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;
type JsonOf<R> = R extends { content: { "application/json": infer D } } ? D : never;
type Success<O> = O extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 202)]> : never;
/** keepalive: the call is made though the page is left. */
type Options<O> = Params<O> & { body?: BodyOf<O>; signal?: AbortSignal; headers?: Record<string, string>; keepalive?: boolean };

/** What was answered: data where the response is a success, else error, which `answer` throws. */
export type Answered<Data> = { data?: Data; error?: unknown; response: Response };

function caller<M extends Method>(method: M) {
  return async <P extends PathsWith<M>>(path: P, options?: Options<Operation<P, M>>): Promise<Answered<Success<Operation<P, M>>>> => {
    const { params, body, signal, headers, keepalive } = (options ?? {}) as {
      params?: { path?: Record<string, unknown>; query?: Record<string, unknown> }; body?: unknown; signal?: AbortSignal;
      headers?: Record<string, string>; keepalive?: boolean;
    };
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params?.path?.[name])));
    const response = await send(address(filled) + query(params?.query), {
      method: method.toUpperCase(), signal, credentials: "same-origin", keepalive,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      // JSON.stringify would write what LosslessNumber is made of.
      body: body === undefined ? undefined : typeof body === "string" || body instanceof Blob ? body : writeJson(body),
    });
    const text = await response.text().catch((cause: unknown) => {
      throw signal?.aborted ? cause : unreachable();
    });
    let read: unknown;
    try {
      read = text === "" ? undefined : parseJson(text);
    } catch {
      read = text; // not our server's
    }
    return response.ok ? { data: read as Success<Operation<P, M>>, response } : { error: read, response };
  };
}

function unreachable(): ApiError {
  return new ApiError(0, "unreachable", "The server cannot be reached.");
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    const sent = Date.now();
    const response = await fetch(url, init);
    serverClock.told(response.headers.get("Date"), sent, Date.now());
    return response;
  } catch (cause) {
    throw init.signal?.aborted ? cause : unreachable();
  }
}

/** Writes a query: lists repeat their parameter, the members of an object are parameters of their own, as filters have them. */
function query(values: Record<string, unknown> | undefined): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(values ?? {})) {
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) value.forEach((v) => out.append(name, String(v)));
    else if (typeof value === "object") Object.entries(value).forEach(([k, v]) => out.append(k, String(v)));
    else out.append(name, String(value));
  }
  return out.size > 0 ? `?${out}` : "";
}

/** The API, typed by its OpenAPI document. JSON is read without losing digits. Give the answers to `answer`. */
export const api = { GET: caller("get"), POST: caller("post"), PUT: caller("put"), PATCH: caller("patch"), DELETE: caller("delete") };

/** The body of a success; whatever else was answered is thrown as ApiError. */
export async function answer<Data>(asked: Promise<Answered<Data>>): Promise<Data> {
  const { data, error, response } = await asked;
  if (!response.ok) throw errorOf(response, error);
  return data as Data;
}
