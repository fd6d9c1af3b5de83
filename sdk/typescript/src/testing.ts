import { type ClientOptions, core as coreKey, createClient, type Symphony } from './client.js'
import { MessageCancelledError } from './errors.js'
import { failureOf, type Handlers, type HandlingOptions, Router } from './handling.js'
import { Memory, type Stored } from './memory.js'
import { type AnyMessages, type Definitions, type Payload, type TypeName } from './schema.js'

/** A message that a program under test has dispatched. */
export interface Dispatched<K extends string = string, P = unknown> {
  messageId: string
  type: K
  payload: P
  /** As they were sent: durations are in milliseconds. */
  options: Stored['options']
  status: Stored['status']
}

/** Options of `drain`. */
export interface DrainOptions extends HandlingOptions {
  /** How many attempts may be made before it is an error, because handlers dispatch without end. Default 10,000. */
  maxAttempts?: number | undefined
}

/** A client for tests: a queue in memory, and what a test asks of it. Hand it to the code under test. */
export interface TestClient<M extends Definitions = AnyMessages> extends Symphony<M> {
  /** The payloads of all messages of a type that were dispatched, the oldest first. */
  dispatched<K extends TypeName<M>>(type: K): Payload<M, K>[]
  /** All messages that were dispatched, with their options. */
  dispatches(): { [K in TypeName<M>]: Dispatched<K, Payload<M, K>> }[TypeName<M>][]
  /**
   * Handles what waits until nothing does: retries, delays and messages that handlers dispatch included. The clock of
   * the queue moves to when the next message is due, so nothing takes time.
   *
   * @returns how many attempts were made.
   */
  drain(handlers: Handlers<M>, options?: DrainOptions): Promise<number>
  /** Handles only what is due now; no time passes. */
  work(handlers: Handlers<M>, options?: DrainOptions): Promise<number>
  /** Lets so many milliseconds pass on the clock of the queue. */
  advance(ms: number): void
  /** The time of the queue. */
  now(): Date
}

/**
 * Makes a client for tests, with a queue in memory: no server, no waiting.
 *
 * ```ts
 * const s = testClient({ messages })
 * await signUp(s, "ada@example.com")
 * expect(s.dispatched("mail.welcome")).toEqual([{ to: "ada@example.com" }])
 * await s.drain(handlers)
 * ```
 *
 * Messages are handled one at a time. Limits, schedules and work in bulk are the server's: test those with a real one.
 */
export function testClient<M extends Definitions = AnyMessages>(
  options: Pick<ClientOptions<M>, 'messages' | 'codec'> = {},
): TestClient<M> {
  const memory = new Memory()
  const client = createClient<M>({ ...options, url: 'http://symphony.test', apiKey: 'test', fetch: memory.fetch as typeof fetch, retries: 0, allowKeyInBrowser: true })
  const core = client[coreKey]

  async function handle(m: Stored, router: Router<M>): Promise<void> {
    m.status = 'processing'
    m.attempt++
    const log: string[] = []
    const ended = new AbortController()
    const raw = JSON.stringify(m.payload)
    const { metadata = {}, headers = {}, priority = 5, queue = 'default', transport = 'default', idempotencyKey, causationId } = m.options
    const incoming = {
      id: m.id, type: m.type, payload: JSON.parse(raw), raw, metadata, headers, priority, queue, transport, idempotencyKey, causationId,
      attempt: m.attempt, createdAt: new Date(m.createdAt).toISOString(), correlationId: m.options.correlationId ?? m.id,
    }
    const hand = {
      signal: ended.signal,
      async progress(done: number, total?: number, text?: string) {
        m.progress = { done, total, text }
        if (cancelled(m)) ended.abort(new MessageCancelledError('the message was cancelled', 'message_cancelled'))
      },
      log: (...parts: unknown[]) => void log.push(parts.map((p) => (typeof p === 'string' ? p : JSON.stringify(p))).join(' ')),
    }
    try {
      const output = await router.handle(incoming, hand)
      // It may have been cancelled meanwhile: then nothing that was done counts.
      if (!cancelled(m)) memory.complete(m, output === undefined ? undefined : JSON.parse(JSON.stringify(output)))
    } catch (error) {
      if (!cancelled(m)) memory.fail(m, failureOf(error), log)
    }
  }

  async function work(handlers: Handlers<M>, o: DrainOptions, timePasses: boolean): Promise<number> {
    const router = new Router(client, core, handlers, o)
    const most = o.maxAttempts ?? 10_000
    for (let n = 0; ; n++) {
      const m = memory.next()
      if (!m || (m.availableAt > memory.now && !timePasses)) return n
      if (n === most) throw new Error(`${most} attempts were made, and messages of type ${m.type} wait still: handlers dispatch without end`)
      memory.now = Math.max(memory.now, m.availableAt)
      await handle(m, router)
    }
  }

  return Object.assign(client, {
    dispatched: (type: string) => [...memory.messages.values()].filter((m) => m.type === type).map((m) => m.payload) as never,
    dispatches: () =>
      [...memory.messages.values()].map(({ id, type, payload, options, status }) => ({ messageId: id, type, payload, options, status })) as never,
    drain: (handlers: Handlers<M>, o: DrainOptions = {}) => work(handlers, o, true),
    work: (handlers: Handlers<M>, o: DrainOptions = {}) => work(handlers, o, false),
    advance(ms: number) {
      memory.now += ms
    },
    now: () => new Date(memory.now),
  })
}

const cancelled = (m: Stored) => m.status === 'cancelled'
