import { core as coreKey, type Method, type Symphony } from './client.js'
import { NetworkError } from './errors.js'
import type { Call } from './http.js'
import type { Definitions } from './schema.js'
import { json, readBody } from './serve.js'

/**
 * A route of the API, by its method and its path below `/api/symphony/`. `{id}` stands for the id of a message or failure,
 * `*` for any one part of a path: `GET messages/*` takes in `messages/export`.
 */
export type ProxyRoute = `${Method} ${string}`

/** Options of `proxy`. */
export interface ProxyOptions {
  /**
   * Which routes are handed on. Default: those by which an application dispatches, looks and mends ({@link proxyRoutes}).
   * Everything else is 404. Required with `authorize`.
   */
  routes?: readonly ProxyRoute[] | undefined
  /**
   * Lets the application say who may call, for users of whom the server knows nothing: a call that it allows is made
   * with the client's own API key, and so may do all that the key may, on the routes that `routes` names. The caller's
   * own credentials are left out then. Without it every call is made with the caller's own credentials and no others.
   */
  authorize?: ((request: Request, route: { method: Method; path: string }) => boolean | Promise<boolean>) | undefined
  /** Origins of other sites whose pages may call with cookies. Default: only the application's own. */
  origins?: readonly string[] | undefined
  /** Where the route is. Default `/api/symphony`. */
  prefix?: string | undefined
  /** The most bytes of a body, default 4 MiB. */
  maxBytes?: number | undefined
}

/** What `proxy` hands on unless told otherwise. */
export const proxyRoutes: readonly ProxyRoute[] = [
  'POST dispatch', 'POST dispatch/batch', 'POST consume', 'GET status',
  'GET messages', 'GET messages/{id}', 'DELETE messages/{id}', 'POST messages/{id}/cancel',
  'GET messages/{id}/public', 'GET messages/{id}/public/events',
  'GET failed', 'GET failed/{id}', 'POST failed/{id}/retry', 'DELETE failed/{id}',
]

/** A route for all methods. */
export type ProxyHandlers = Record<Method, (request: Request) => Promise<Response>>

const requestHeaders = ['accept', 'content-type', 'last-event-id', 'traceparent', 'tracestate', 'x-request-id']
const credentialHeaders = ['authorization', 'x-api-key']
const responseHeaders = ['allow', 'cache-control', 'content-type', 'retry-after', 'x-request-id']

/** Cookies by which the server knows a caller: Supabase's. Those of the application are not handed on. */
const serverCookie = /^sb-[^=]+$/

/**
 * Makes a route that hands calls of the application's own pages on to the server:
 *
 * ```ts
 * export const { GET, POST, DELETE } = proxy(symphony) // app/api/symphony/[...path]/route.ts
 * ```
 *
 * Who may call what:
 *
 * - A call is made with what the caller has shown, and with nothing else: his `Authorization`, his `X-API-Key`, or his
 *   Supabase cookies. The server decides what he may. The client's API key is never added, and a caller without a
 *   credential is told 401 by the server.
 * - With cookies, everything but GET has to come from a page of the application: its `Origin` must be that of the request,
 *   or among `origins`. Else the answer is 403, and nothing is handed on. The server is told its own origin then.
 * - Only the routes named are handed on; keys, purge, audit, configuration and the rest are 404 here.
 * - `authorize` turns it around: the application judges the caller, and the call is made with its API key.
 */
export function proxy<M extends Definitions>(symphony: Symphony<M>, options: ProxyOptions = {}): ProxyHandlers {
  const { connection } = symphony[coreKey]
  const { authorize, prefix = '/api/symphony', maxBytes = 4 << 20 } = options
  if (authorize && !options.routes) {
    throw new TypeError('proxy: with authorize, name the routes that callers may use with the API key')
  }
  const routes = (options.routes ?? proxyRoutes).map((route) => route.split(/[ /]/))

  async function handle(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const method = request.method as Method
    const path = url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length + 1) : ''
    if (!routes.some((route) => matches(route, [method, ...path.split('/')]))) {
      return json(404, { error: `${method} ${path} is not handed on`, code: 'not_found' })
    }
    const headers = pick(request.headers, requestHeaders)
    const call: Call = { method, path: `/api/symphony/${path}${url.search}`, signal: request.signal, headers, credential: null }
    if (authorize) {
      if (!(await authorize(request, { method, path }))) {
        return json(401, { error: 'you may not do this', code: 'missing_credentials' })
      }
      call.credential = connection.apiKey ?? null
    } else {
      Object.assign(headers, pick(request.headers, credentialHeaders))
    }
    const cookies = cookiesOf(request)
    // What a browser adds by itself has to be checked also where the application judges: it may do so by that.
    if (method !== 'GET' && (authorize ? browsed(request) : cookies) && !fromOwnPage(request, url)) {
      return json(403, { error: 'the call does not come from a page of this application', code: 'origin_not_allowed' })
    }
    if (cookies && !authorize) {
      headers['cookie'] = cookies
      headers['origin'] = new URL(connection.url).origin
    }
    if (method !== 'GET') {
      const body = await readBody(request, maxBytes)
      if (!body) return json(413, { error: `the body is larger than ${maxBytes} bytes`, code: 'body_too_large' })
      if (body.length > 0) call.raw = body
    }
    try {
      return passed(await connection.send(call))
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error
      return json(502, { error: 'the server does not answer', code: 'outcome_unknown' })
    }
  }

  /** Whether a request with cookies was made by a page of the application, or of an origin that may. */
  function fromOwnPage(request: Request, url: URL): boolean {
    const origin = request.headers.get('origin')
    // Programs send no Origin, but they have no cookies by themselves either: who has some can show a token.
    if (!origin || !URL.canParse(origin)) return false
    if (options.origins?.includes(origin)) return true
    // Behind a proxy that ends TLS the scheme of the request may be another than the browser's.
    return new URL(origin).host === (request.headers.get('host') ?? url.host)
  }

  return { GET: handle, POST: handle, PUT: handle, PATCH: handle, DELETE: handle }
}

/** What stands for a part of a path. None takes what another reader may read as several parts, or as a way up. */
const placeholders: Record<string, RegExp> = { '*': /^(?!\.+$)[^%\\]+$/, '{id}': /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i }

function matches(route: readonly string[], parts: readonly string[]): boolean {
  return (
    route.length === parts.length &&
    route.every((want, i) => placeholders[want]?.test(parts[i] as string) ?? want === parts[i])
  )
}

/** Whether a request has what a browser adds by itself: cookies, or a user and password that it was told before. */
function browsed(request: Request): boolean {
  const shown = request.headers.get('authorization')
  return request.headers.has('cookie') || (shown !== null && !/^bearer /i.test(shown))
}

function cookiesOf(request: Request): string {
  const list = (request.headers.get('cookie') ?? '').split(/; */)
  return list.filter((pair) => serverCookie.test(pair.split('=', 1)[0] as string)).join('; ')
}

function pick(headers: Headers, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = headers.get(name)
    if (value !== null) picked[name] = value
  }
  return picked
}

/** The server's answer, as its body comes. Its cookies stay behind: they are for its own address. */
function passed(answer: Response): Response {
  return new Response(answer.body, { status: answer.status, headers: pick(answer.headers, responseHeaders) })
}
