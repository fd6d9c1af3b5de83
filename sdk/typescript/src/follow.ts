import { errorOf, SymphonyError } from './errors.js'
import { parse, rest } from './http.js'

/** What an end user sees of a message. Times are texts of RFC 3339 in UTC. */
export interface PublicMessage<O = unknown> {
  /** That of the token, also once another message has taken its place. */
  id: string
  status: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled'
  progress?: { done: number; total?: number; text?: string; at?: string }
  /** What its handler has left, where the type has `public_output`. */
  output?: O
  createdAt?: string
  scheduledAt?: string
  startedAt?: string
  finishedAt?: string
  /** It failed, and what is told is of the one that was made in its place. */
  retried?: boolean
}

/** Options of `follow`. */
export interface FollowOptions {
  /**
   * Where the API is: the server's own, such as `https://queue.example.com/api/symphony`, or the application's route made
   * by `proxy`. Default `/api/symphony`, on the page's own origin.
   */
  url?: string | undefined
  /** Default: the runtime's `fetch`. */
  fetch?: typeof fetch | undefined
  /** Ends it. */
  signal?: AbortSignal | undefined
}

const minPause = 500
const maxPause = 10_000

/**
 * Follows a message with a token for it (`messages.token`, or the option `token` of `dispatch`), for pages in browsers:
 * each change of its status or progress, until it has ended. Connections that break are made anew.
 *
 * ```ts
 * for await (const message of follow(messageId, token)) show(message.progress)
 * ```
 *
 * @throws {AuthenticationError} the token is wrong, or over.
 * @throws {NotFoundError} the message is not there any more.
 */
export async function* follow<O = unknown>(id: string, token: string, options: FollowOptions = {}): AsyncGenerator<PublicMessage<O>, void, undefined> {
  const { url = '/api/symphony', signal } = options
  const base = `${url.replace(/\/+$/, '')}/messages/${encodeURIComponent(id)}/public`
  let seen = ''

  async function ask(path: string, accept: string): Promise<Response> {
    const init: RequestInit = { headers: { authorization: `Bearer ${token}`, accept }, cache: 'no-store' }
    if (signal) init.signal = signal
    const answer = await (options.fetch ?? fetch)(base + path, init)
    if (!answer.ok) throw errorOf(answer, await answer.text())
    return answer
  }

  /** The message, undefined where nothing has changed. */
  async function look(): Promise<PublicMessage<O> | undefined> {
    const { message } = parse(await (await ask('', 'application/json')).text()) as { message: PublicMessage<O> }
    const text = JSON.stringify(message)
    if (text === seen) return undefined
    seen = text
    return message
  }

  const ended = (m: PublicMessage<O> | undefined) => m && m.status !== 'pending' && m.status !== 'processing'
  for (let pause = minPause; ; pause = Math.min(pause * 2, maxPause)) {
    try {
      const first = await look()
      if (first) yield first
      if (ended(first)) return
      const events = await ask('/events', 'text/event-stream')
      // What has happened before the stream began is looked at with its first event.
      for await (const _ of happenings(events)) {
        pause = minPause
        const next = await look()
        if (next) yield next
        if (ended(next)) return
      }
    } catch (error) {
      if (signal?.aborted) return
      // What is refused will be refused again; all else may be better in a moment.
      if (error instanceof SymphonyError && error.status >= 400 && error.status < 500 && error.status !== 429) throw error
    }
    await rest(pause * (0.75 + Math.random() / 2), signal).catch(() => {})
    if (signal?.aborted) return
  }
}

/** Comes back once for each piece of a stream that has events in it. Comments keep the connection open, and are none. */
async function* happenings(answer: Response): AsyncGenerator<void, void, undefined> {
  const reader = answer.body?.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const next = await reader?.read()
      if (!next || next.done) return
      rest += decoder.decode(next.value, { stream: true })
      const blocks = rest.split(/\r?\n\r?\n/)
      rest = blocks.pop() as string
      if (blocks.some((block) => /^data:/m.test(block))) yield
    }
  } finally {
    await reader?.cancel().catch(() => {})
  }
}
