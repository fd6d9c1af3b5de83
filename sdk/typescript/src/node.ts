import type { Route } from './serve.js'

/** What is used of Node's `IncomingMessage`, and of the requests that Express and Next.js make of it. */
export interface NodeRequest extends AsyncIterable<Uint8Array> {
  method?: string | undefined
  url?: string | undefined
  headers: Record<string, string | string[] | undefined>
  /** Set by middleware that has read the body already. */
  body?: unknown
  /** The whole path, where a framework takes what it is mounted at off `url`. */
  originalUrl?: string
  readableEnded?: boolean
}

/** What is used of Node's `ServerResponse`. */
export interface NodeResponse {
  statusCode: number
  writableFinished: boolean
  destroyed: boolean
  setHeader(name: string, value: string | string[]): unknown
  write(chunk: Uint8Array): boolean
  end(chunk?: Uint8Array | string): unknown
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/** A listener of Node's `http.createServer`, which is also a handler of Express. */
export type NodeListener = (request: NodeRequest, response: NodeResponse) => Promise<void>

/** A handler of requests of the web's API: a route's `fetch`, or one that `proxy` made for each method. */
export type WebHandler = (request: Request) => Promise<Response>

/** What has such handlers: the results of `serve`, `cron` and `proxy`. */
export type WebRoute = Partial<Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', WebHandler>> | Route

/**
 * Makes a route a listener of Node's own HTTP server:
 *
 * ```ts
 * http.createServer(listener(serve(symphony, handlers))).listen(3000)
 * ```
 *
 * The body must not have been read, or as bytes or text: a signature is made of them, and JSON that was parsed has lost
 * them. `ctx.signal` ends when the server of the queue hangs up.
 */
export function listener(route: WebRoute): NodeListener {
  return async (incoming, outgoing) => {
    const handler = (route as Partial<Record<string, WebHandler>>)[incoming.method ?? 'GET']
    if (!handler) {
      outgoing.statusCode = 405
      outgoing.setHeader('allow', Object.keys(route).filter((name) => name !== 'fetch').join(', '))
      outgoing.end()
      return
    }
    // The connection closes early if whoever asked hangs up.
    const gone = new AbortController()
    const closed = () => {
      if (!outgoing.writableFinished) gone.abort(new Error('the caller has hung up'))
    }
    outgoing.once('close', closed)
    try {
      const request = await requestOf(incoming, gone.signal)
      await write(request ? await handler(request) : parsed(), outgoing)
    } finally {
      outgoing.off('close', closed)
    }
  }
}

async function requestOf(incoming: NodeRequest, signal: AbortSignal): Promise<Request | undefined> {
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (typeof value === 'string') headers.set(name, value)
    else for (const v of value ?? []) headers.append(name, v)
  }
  const path = incoming.originalUrl ?? incoming.url ?? '/'
  const url = new URL(path.replace(/^\/*/, '/'), `http://${headers.get('host') ?? 'localhost'}`)
  const init: RequestInit & { duplex?: 'half' } = { method: incoming.method ?? 'GET', headers, signal }
  if (init.method !== 'GET' && init.method !== 'HEAD') {
    const { body } = incoming
    if (typeof body === 'string' || body instanceof Uint8Array) init.body = body as BodyInit
    else if (incoming.readableEnded) return undefined
    else {
      init.body = stream(incoming)
      init.duplex = 'half'
    }
  }
  return new Request(url, init)
}

/** The body as it comes. Reading is up to the handler, which stops where it is too much. */
function stream(incoming: NodeRequest): ReadableStream<Uint8Array> {
  const chunks = incoming[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** The answer where the body was parsed already. It is the program's mistake, so the push is tried again later. */
function parsed(): Response {
  const error =
    'the body was read before the route saw it, so its signature cannot be verified: mount the route before express.json(), ' +
    'or export const config = { api: { bodyParser: false } } from the page of Next.js'
  console.error('symphony:', error)
  return Response.json({ error, errorClass: 'misconfigured', permanent: false }, { status: 500 })
}

async function write(answer: Response, outgoing: NodeResponse): Promise<void> {
  outgoing.statusCode = answer.status
  answer.headers.forEach((value, name) => outgoing.setHeader(name, value))
  for (const cookie of answer.headers.getSetCookie()) outgoing.setHeader('set-cookie', cookie)
  if (!answer.body) {
    outgoing.end()
    return
  }
  const reader = answer.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (outgoing.destroyed) {
      await reader.cancel()
      return
    }
    if (!outgoing.write(value)) {
      await new Promise<void>((resolve) => {
        outgoing.once('drain', resolve)
        outgoing.once('close', resolve)
      })
    }
  }
  outgoing.end()
}
