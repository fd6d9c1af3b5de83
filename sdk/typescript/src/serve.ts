import { core as coreKey, type Symphony } from './client.js'
import { env } from './env.js'
import { ConfigurationError, SignatureError } from './errors.js'
import { type Failure, failureOf, type Handlers, type HandlingOptions, type Incoming, Router } from './handling.js'
import { rawMember } from './json.js'
import { Reporter } from './reporter.js'
import type { Definitions } from './schema.js'
import { hmacKey, keyOf, secretsOf, verifyWith } from './signature.js'

/** Options of `serve`. */
export interface ServeOptions extends HandlingOptions {
  /**
   * The secrets with which pushes may be signed (`whsec_…`); several while one is rotated. Default: the variable
   * SYMPHONY_WEBHOOK_SECRET, read at the first request, with spaces or commas between several. Without a secret every
   * push is refused, and tried again later.
   */
  secrets?: string | readonly string[] | undefined
  /** How many seconds a signature may be old, default 300. */
  tolerance?: number | undefined
  /** The most bytes of a push, default 16 MiB. A server allows payloads of 1 MiB unless its settings say otherwise. */
  maxBytes?: number | undefined
  /** Gets errors that no message carries: a wrong setting. Default: `console.error`. */
  onError?: ((error: unknown) => void) | undefined
}

/** A route: each member is a handler of a Request of the web's API. */
export interface Route {
  GET(request: Request): Promise<Response>
  POST(request: Request): Promise<Response>
  /** Either of them by the method, for runtimes that have one handler for all. */
  fetch(request: Request): Promise<Response>
}

/** The id under which the types of a route are asked for; those of messages are UUIDs. */
export const typesId = 'types'

const defaultMaxBytes = 16 << 20

/**
 * Makes a route to which the server pushes messages.
 *
 * ```ts
 * export const { GET, POST } = serve(symphony, { "order.paid": async (m, ctx) => charge(m.payload.order, ctx.signal) })
 * ```
 *
 * `POST` takes a push: its signature is verified on the body as it came. What the handler returns is the answer, which
 * the server keeps as the output where its handler has `keep_output`. `GET` tells which patterns have handlers, for
 * `symphony handlers sync` and `symphony dev`, to whoever proves to have a webhook secret or the client's API key by
 * signing the request (id `types`, no body): the names of types are nobody else's business, and no secret is sent to an
 * address that may be the wrong one.
 *
 * @throws {ConfigurationError} for a key that is no pattern, or that matches no declared type.
 */
export function serve<M extends Definitions>(
  symphony: Symphony<M>, handlers: Handlers<M>, options: ServeOptions = {},
): Route {
  const core = symphony[coreKey]
  const router = new Router(symphony, core, handlers, options)
  const tell = options.onError ?? ((error: unknown) => console.error('symphony:', error))
  let secrets: Promise<CryptoKey[]> | undefined

  function keys(): Promise<CryptoKey[]> {
    const given = options.secrets ?? env('SYMPHONY_WEBHOOK_SECRET') ?? ''
    const list = typeof given === 'string' ? secretsOf(given) : given
    if (list.length === 0) {
      throw new ConfigurationError('no secret to verify pushes with: set SYMPHONY_WEBHOOK_SECRET', 'secret_missing')
    }
    return (secrets ??= Promise.all(list.map(keyOf)))
  }

  /** The answer to a request that is not from the server, or cannot be judged. It may be mended, so it is retried. */
  function refusal(error: unknown): Response {
    if (error instanceof SignatureError) {
      return told(401, { error: error.message, errorClass: error.code, permanent: false })
    }
    tell(error)
    return told(500, { error: 'the route cannot verify pushes: see its log', errorClass: 'misconfigured', permanent: false })
  }

  async function POST(request: Request): Promise<Response> {
    const body = await readBody(request, options.maxBytes ?? defaultMaxBytes)
    if (!body) return told(413, { error: 'the push is larger than maxBytes of serve allows', errorClass: 'too_large' })
    try {
      await verifyWith(await keys(), { headers: request.headers, body, tolerance: options.tolerance })
    } catch (error) {
      return refusal(error)
    }
    const message = read(body)
    if (!message) return told(400, { error: 'the push is no message', errorClass: 'undecodable' })
    const reporter = new Reporter(core.connection, request.headers.get('symphony-receipt') ?? '', {}, null)
    const hungUp = () => reporter.end(request.signal.reason)
    if (request.signal.aborted) hungUp()
    request.signal.addEventListener('abort', hungUp, { once: true })
    try {
      // The server names its own span of the attempt, where it traces.
      const traceparent = request.headers.get('traceparent')
      const trace = traceparent ? { traceparent, tracestate: request.headers.get('tracestate') } : undefined
      const output = await router.handle(message, reporter, trace)
      await reporter.close()
      return answer(output)
    } catch (error) {
      await reporter.close()
      const failure = failureOf(error)
      return told(failure.permanent ? 422 : 500, failure)
    } finally {
      request.signal.removeEventListener('abort', hungUp)
    }
  }

  async function GET(request: Request): Promise<Response> {
    const list: CryptoKey[] = [...(await Promise.resolve().then(keys).catch(() => []))]
    const { apiKey } = core.connection
    if (apiKey) list.push(await hmacKey(new TextEncoder().encode(apiKey)))
    try {
      const { id } = await verifyWith(list, { headers: request.headers, body: '', tolerance: options.tolerance })
      if (id !== typesId) throw new SignatureError('the request is signed for something else', 'signature_invalid')
    } catch (error) {
      return refusal(error)
    }
    return json(200, { types: router.patterns })
  }

  return {
    GET,
    POST,
    async fetch(request) {
      if (request.method === 'POST') return POST(request)
      if (request.method === 'GET') return GET(request)
      const body = { error: `${request.method} is not possible here`, code: 'method_not_allowed' }
      return json(405, body, { allow: 'GET, POST' })
    },
  }
}

/** The message of a push, undefined if its body is none. */
function read(body: Uint8Array): Incoming | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    const message = JSON.parse(text)
    if (typeof message?.id !== 'string' || typeof message.type !== 'string') return undefined
    let raw: string | undefined
    return Object.defineProperty(message, 'raw', {
      get: () => (raw ??= rawMember(text, 'payload') ?? '{}'),
      enumerable: false,
    })
  } catch {
    return undefined
  }
}

/**
 * The body of a request, undefined if it has more than so many bytes: then the rest is not read.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  const length = Number(request.headers.get('content-length') ?? Number.NaN)
  if (length > maxBytes) return undefined
  // What says its length is read at once: servers see to it that no more comes.
  if (length >= 0) return new Uint8Array(await request.arrayBuffer())
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body?.getReader()
  for (;;) {
    const next = await reader?.read()
    if (!next || next.done) break
    size += next.value.length
    if (size > maxBytes) {
      await reader?.cancel()
      return undefined
    }
    chunks.push(next.value)
  }
  const all = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

function answer(output: unknown): Response {
  let text: string | undefined
  try {
    text = JSON.stringify(output)
  } catch {
    // The work is done and is not to be done again. What is no JSON has the server say so, as outputError.
    text = 'this output is no JSON'
  }
  return text === undefined ? new Response(null, { status: 204 }) : new Response(text, { status: 200, headers: jsonHeaders })
}

const jsonHeaders = { 'content-type': 'application/json', 'cache-control': 'no-store' }

function told(status: number, failure: Failure): Response {
  return json(status, failure)
}

/** An answer in JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...jsonHeaders, ...headers } })
}
