import { env, inBrowser } from './env.js'
import { ConfigurationError, errorOf, NetworkError, SymphonyError } from './errors.js'
import { injectTrace } from './trace.js'

/** How a client reaches its server. */
export interface ConnectionOptions {
  /** The server, such as `https://queue.example.com`. Default: the variable SYMPHONY_URL, read at the first call. */
  url?: string | undefined
  /** An API key. Default: the variable SYMPHONY_API_KEY, read at the first call, unless `token` is given. */
  apiKey?: string | undefined
  /**
   * A Supabase access token, or what returns one, asked at each call: the calls are then made as that user. It goes
   * before an API key.
   */
  token?: string | (() => string | undefined | Promise<string | undefined>) | undefined
  /** What sends requests. Default: the runtime's `fetch`, looked up at each call. */
  fetch?: typeof fetch | undefined
  /**
   * How often a request is repeated that may be: after network errors, and answers that say that it may succeed later.
   * 0 to 20, default 3. With 0, `dispatch` makes no idempotency keys.
   */
  retries?: number | undefined
  /** Milliseconds that one try may take, default 30,000. Calls that wait have so much more. */
  timeout?: number | undefined
  /** Lets an API key be used in a browser, where everybody can read it. Never do that outside of tests. */
  allowKeyInBrowser?: boolean | undefined
}

/** One request. */
export interface Call {
  method: string
  /** Path with the query, below the server's URL. */
  path: string
  /** JSON, already written. */
  body?: string | undefined
  /** A body as it came, whose headers are in `headers`. */
  raw?: Uint8Array
  signal?: AbortSignal | undefined
  /** Sending it twice does no harm, so it is repeated also where it may have arrived. */
  repeat?: boolean
  /** Milliseconds beyond the timeout for calls that wait. */
  waits?: number
  /** Replaces the client's own credential; null sends none. */
  credential?: string | null
  headers?: Record<string, string> | undefined
}

const minPause = 200
const maxPause = 5000

/** The longest Retry-After that is waited for, in milliseconds; a longer one is the caller's to decide about. */
const maxRetryAfter = 30_000

/** Codes of answers that say that nothing was done and that it may be asked again. */
const refused = new Set(['storage_unavailable', 'overloaded', 'not_ready', 'auth_unavailable', 'rate_limited'])

/** A connection to one server. Settings are read at the first call. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly retries: number
  #url: string | undefined
  #key: string | undefined

  /** @throws {ConfigurationError} for a setting out of its range. */
  constructor(options: ConnectionOptions) {
    this.#options = options
    this.retries = options.retries ?? 3
    if (!Number.isInteger(this.retries) || this.retries < 0 || this.retries > 20) {
      throw new ConfigurationError(`retries must be 0 to 20, is ${this.retries}`, 'retries_invalid')
    }
  }

  /** The server's URL, without a slash at its end. */
  get url(): string {
    return (this.#url ??= serverURL(this.#options.url ?? env('SYMPHONY_URL')))
  }

  /** The API key, if there is one. */
  get apiKey(): string | undefined {
    return (this.#key ??= this.#options.apiKey ?? env('SYMPHONY_API_KEY'))
  }

  get fetch(): typeof fetch {
    return this.#options.fetch ?? globalThis.fetch
  }

  async #credential(): Promise<string | undefined> {
    const { token } = this.#options
    if (token !== undefined) return typeof token === 'function' ? token() : token
    const key = this.apiKey
    if (key !== undefined && inBrowser() && !this.#options.allowKeyInBrowser) {
      throw new ConfigurationError(
        'an API key must not be used in a browser, where everybody can read it: give the client a token of its user',
        'key_in_browser',
      )
    }
    return key
  }

  /** Sends a request, again where it may be, and returns the text of its answer. */
  async text(call: Call): Promise<string> {
    for (let tried = 0; ; tried++) {
      try {
        return await this.#try(call)
      } catch (error) {
        if (!(error instanceof SymphonyError) || tried >= this.retries || !again(error, call)) throw error
        const pause = Math.min(minPause * 2 ** tried, maxPause) * (0.75 + Math.random() / 2)
        await rest(Math.max(pause, error.retryAfter ?? 0), call.signal)
      }
    }
  }

  /** Sends a request, again where it may be, and returns its answer. */
  async json<T>(call: Call): Promise<T> {
    return parse(await this.text(call)) as T
  }

  /** Sends a request once. The answer may be any; errors are those of the network alone. */
  async send(call: Call): Promise<Response> {
    const { url } = this
    const headers: Record<string, string> = { ...call.headers }
    const credential = call.credential === undefined ? await this.#credential() : call.credential
    if (credential) headers['authorization'] = `Bearer ${credential}`
    if (call.body !== undefined) headers['content-type'] = 'application/json'
    injectTrace(headers)
    const init: RequestInit = { method: call.method, headers, redirect: 'manual' }
    const body = call.raw ?? call.body
    if (body !== undefined) init.body = body as BodyInit
    if (call.signal) init.signal = call.signal
    try {
      return await this.fetch(url + call.path, init)
    } catch (error) {
      throw call.signal?.aborted ? call.signal.reason : networkError(error)
    }
  }

  async #try(call: Call): Promise<string> {
    const { signal } = call
    signal?.throwIfAborted()
    // One controller of our own costs a fraction of AbortSignal.any and AbortSignal.timeout.
    const controller = new AbortController()
    const stop = () => controller.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    const limit = (this.#options.timeout ?? 30_000) + (call.waits ?? 0)
    const timer = setTimeout(() => {
      controller.abort(new NetworkError(`no answer within ${limit} ms`, 'timeout'))
    }, limit)
    try {
      const response = await this.send({ ...call, signal: controller.signal })
      let text: string
      try {
        text = await response.text()
      } catch (error) {
        throw controller.signal.aborted ? controller.signal.reason : networkError(error)
      }
      if (!response.ok) throw errorOf(response, text)
      return text
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }
}

function networkError(error: unknown): NetworkError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const text = cause instanceof Error ? cause.message || cause.name : String(cause)
  return new NetworkError(`no answer from the server: ${text}`, 'network', { cause: error })
}

/** Whether a request that ended so may be sent again. */
function again(error: SymphonyError, call: Call): boolean {
  if ((error.retryAfter ?? 0) > maxRetryAfter) return false
  if (error.status === 429 || refused.has(error.code)) return true
  return call.repeat === true && (error.status === 0 || error.status >= 502)
}

/** Waits for so many milliseconds. */
export function rest(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Reads the JSON of an answer. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SymphonyError('the server did not answer JSON: is SYMPHONY_URL the right one?', 'answer_invalid', { cause })
  }
}

function serverURL(value: string | undefined): string {
  if (value === undefined) {
    throw new ConfigurationError('the server is not known: set SYMPHONY_URL, or give createClient a url', 'url_missing')
  }
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    // What is wrong may have a password in it, so it is not repeated.
    throw new ConfigurationError('the URL of the server must be like https://queue.example.com', 'url_invalid')
  }
  return url.href.replace(/\/+$/, '')
}

/** Writes a query. Lists become repeated parameters, dates are in UTC; what is undefined is left out. */
export function query(values: Readonly<Record<string, unknown>>): string {
  const list = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v !== undefined) list.append(name, v instanceof Date ? v.toISOString() : String(v))
    }
  }
  const text = list.toString()
  return text && `?${text}`
}
