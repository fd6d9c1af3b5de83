import { core as coreKey, type Symphony } from './client.js'
import { type Duration, parseDuration } from './duration.js'
import { globals } from './env.js'
import { ConfigurationError, InterruptedError, LeaseLostError, MessageCancelledError, SymphonyError } from './errors.js'
import { failureOf, type Handlers, type HandlingOptions, type Incoming, Router } from './handling.js'
import { type Connection, rest } from './http.js'
import { rawElements, rawMember } from './json.js'
import { lostBy, Reporter } from './reporter.js'
import type { Definitions } from './schema.js'

/** Options of `pull`. */
export interface PullOptions extends HandlingOptions {
  /** How many handlers run at once, 1 to 1,000. Default 10. */
  concurrency?: number | undefined
  /** The transport. Default: the server's. */
  transport?: string | undefined
  /** Queues to take from. Default: all. */
  queues?: readonly string[] | undefined
  /** How long a message belongs to this worker between two heartbeats, 1 s to 1 h. Default 30 s. */
  lease?: Duration | undefined
  /** How long one request waits for messages, up to 30 s. Default 20 s. */
  wait?: Duration | undefined
  /** How long running handlers may go on when the worker is to stop. Default 20 s. */
  grace?: Duration | undefined
  /** Names the worker in the history of attempts. Default: its API key. */
  worker?: string | undefined
  /** Stops the worker when it aborts. */
  signal?: AbortSignal | undefined
  /** Stops the worker on SIGTERM and SIGINT, a second one without grace. Default true, where there are signals. */
  signals?: boolean | undefined
  /** Gets what an operator must know: that the server is away, that a result was lost. Default: `console.warn`. */
  onError?: ((error: unknown, what: string) => void) | undefined
}

const minPause = 100
const maxPause = 10_000

/** The most receipts of one call, the most messages of a receive, and the bytes of outputs from which on a call is full. */
const maxAcks = 1000
const maxReceive = 100
const maxAckBytes = 256 << 10

/** A message as it was received. */
type Delivered = Omit<Incoming, 'raw'> & { receipt: string }

/** The answer to a receive, in which payloads are looked for as they were written only if a handler asks. */
class Texts {
  readonly #answer: string
  #payloads: string[] | undefined

  constructor(answer: string) {
    this.#answer = answer
  }

  payload(i: number): string {
    this.#payloads ??= rawElements(rawMember(this.#answer, 'messages') as string).map((m) => rawMember(m, 'payload') ?? '{}')
    return this.#payloads[i] as string
  }
}

/** What handlers get. One class has its members in the same places for all messages, which is what engines are fast at. */
class Pulled implements Incoming {
  readonly receipt: string
  readonly id: string
  readonly type: string
  readonly payload: unknown
  readonly transport: string
  readonly queue: string
  readonly priority: number
  readonly attempt: number
  readonly createdAt: string
  readonly scheduledAt: string | undefined
  readonly idempotencyKey: string | undefined
  readonly correlationId: string
  readonly causationId: string | undefined
  readonly metadata: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
  readonly #texts: Texts
  readonly #i: number

  constructor(m: Delivered, texts: Texts, i: number) {
    this.receipt = m.receipt
    this.id = m.id
    this.type = m.type
    this.payload = m.payload
    this.transport = m.transport
    this.queue = m.queue
    this.priority = m.priority
    this.attempt = m.attempt
    this.createdAt = m.createdAt
    this.scheduledAt = m.scheduledAt
    this.idempotencyKey = m.idempotencyKey
    this.correlationId = m.correlationId
    this.causationId = m.causationId
    this.metadata = m.metadata
    this.headers = m.headers
    this.#texts = texts
    this.#i = i
  }

  get raw(): string {
    return this.#texts.payload(this.#i)
  }
}

/** The next turn of the event loop. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0))

/** A message in hand. */
interface Held {
  receipt: string
  type: string
  reporter: Reporter
}

interface Ack {
  receipt: string
  output: string | undefined
}

/**
 * Receives messages and handles them, `concurrency` at a time, until `signal` aborts or the process gets SIGTERM; then
 * it takes no more, lets the handlers finish for `grace`, gives back what is left, and resolves.
 *
 * ```ts
 * await pull(symphony, handlers, { concurrency: 16 })
 * ```
 *
 * Leases are kept while handlers run. `ctx.signal` ends when the message was cancelled or its lease was lost, at the
 * latest with the next heartbeat, a third of `lease` later, and when the grace is over. While the server is away it is
 * tried again, at growing intervals.
 *
 * @throws {SymphonyError} for a request that can never succeed, such as one without a valid key, after the handlers
 * that run have ended.
 */
export function pull<M extends Definitions>(
  symphony: Symphony<M>, handlers: Handlers<M>, options: PullOptions = {},
): Promise<void> {
  const core = symphony[coreKey]
  return new Puller(core.connection, new Router(symphony, core, handlers, options), options).run()
}

class Puller<M extends Definitions> {
  readonly #connection: Connection
  readonly #router: Router<M>
  readonly #options: PullOptions
  readonly #concurrency: number
  readonly #lease: number
  readonly #wait: number
  readonly #grace: number
  readonly #held = new Map<string, Held>()
  readonly #stop = new AbortController()
  readonly #interrupt = new AbortController()
  #wakeReceiver: (() => void) | undefined
  #acks: Ack[] = []
  #acking: Promise<void> | undefined
  #settling = new Set<Promise<void>>()

  constructor(connection: Connection, router: Router<M>, options: PullOptions) {
    this.#connection = connection
    this.#router = router
    this.#options = options
    this.#concurrency = options.concurrency ?? 10
    this.#lease = parseDuration(options.lease ?? 30_000, 'lease')
    this.#wait = parseDuration(options.wait ?? 20_000, 'wait')
    this.#grace = parseDuration(options.grace ?? 20_000, 'grace')
    if (!Number.isInteger(this.#concurrency) || this.#concurrency < 1 || this.#concurrency > 1000) {
      throw new ConfigurationError(`concurrency must be 1 to 1000, is ${this.#concurrency}`, 'concurrency_invalid')
    }
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    const stop = () => (this.#stop.signal.aborted ? this.#interrupt.abort() : this.#stop.abort())
    // The listeners stay, as a second signal cuts the grace short.
    const listen = (change: 'on' | 'off') => {
      if (this.#options.signals === false) return
      for (const name of ['SIGTERM', 'SIGINT']) globals.process?.[change]?.(name, stop)
    }
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    listen('on')
    const heartbeat = setInterval(() => void this.#extend(), this.#lease / 3)
    try {
      await this.#receive()
    } finally {
      await this.#drain()
      clearInterval(heartbeat)
      listen('off')
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Claims messages for the handlers that are free, until the worker is to stop. */
  async #receive(): Promise<void> {
    const stopping = this.#stop.signal
    let pause = minPause
    while (!stopping.aborted) {
      const free = this.#concurrency - this.#held.size
      if (free <= 0) {
        await new Promise<void>((resolve) => {
          this.#wakeReceiver = resolve
        })
        await turn() // others end with it, and one request is for all of them
        continue
      }
      const { transport, queues, worker } = this.#options
      const max = Math.min(free, maxReceive)
      const body = JSON.stringify({ max, wait: this.#wait, lease: this.#lease, transport, queues, worker })
      try {
        const call = { method: 'POST', path: '/api/symphony/receive', body, signal: stopping, waits: this.#wait }
        const text = await this.#connection.text(call)
        this.#begin(text)
        pause = minPause
      } catch (error) {
        if (stopping.aborted) return
        if (isFinal(error)) throw error
        this.#tell(error, 'receiving messages failed; it is tried again')
        await rest(jitter(pause, error), stopping).catch(() => {})
        pause = Math.min(pause * 2, maxPause)
      }
    }
  }

  #begin(text: string): void {
    const { messages } = JSON.parse(text) as { messages: Delivered[] }
    const texts = new Texts(text)
    for (let i = 0; i < messages.length; i++) void this.#work(new Pulled(messages[i] as Delivered, texts, i))
  }

  /** Handles one message and tells the server what came of it. It never rejects. */
  async #work(message: Pulled): Promise<void> {
    const { receipt, type } = message
    const reporter = new Reporter(this.#connection, receipt, { lease: this.#lease })
    this.#held.set(receipt, { receipt, type, reporter })
    let output: unknown
    let thrown: { error: unknown } | undefined
    try {
      output = await this.#router.handle(message, reporter)
    } catch (error) {
      thrown = { error }
    }
    const last = reporter.close()
    if (last) await last
    const reason = reporter.ended?.error
    if (reason instanceof LeaseLostError) {
      // Somebody else may have it by now.
    } else if (reason instanceof MessageCancelledError) {
      this.#nack({ receipt, release: true }) // this ends it, whatever it says
    } else if (!thrown) {
      this.#ack(receipt, output)
    } else if (reason) {
      this.#nack({ receipt, release: true })
    } else {
      this.#nack({ receipt, ...failureOf(thrown.error) })
    }
    this.#held.delete(receipt)
    this.#wakeReceiver?.()
  }

  #ack(receipt: string, output: unknown): void {
    let text: string | undefined
    try {
      text = JSON.stringify(output)
    } catch (error) {
      this.#tell(error, 'the output is no JSON; its message is completed without')
    }
    this.#acks.push({ receipt, output: text })
    this.#acking ??= this.#ackAll()
  }

  /** Acks what has come, as many as have come at a time. */
  async #ackAll(): Promise<void> {
    await turn() // all handlers that end in this turn go along
    while (this.#acks.length > 0) {
      let bytes = 0
      let n = 0
      while (n < this.#acks.length && n < maxAcks && bytes < maxAckBytes) bytes += this.#acks[n++]?.output?.length ?? 0
      const batch = this.#acks.splice(0, n)
      await this.#settle((signal) => this.#ackBatch(batch, signal))
    }
    this.#acking = undefined
  }

  async #ackBatch(batch: Ack[], signal: AbortSignal): Promise<void> {
    try {
      await this.#connection.text({ method: 'POST', path: '/api/symphony/ack', body: ackBody(batch), repeat: true, signal })
    } catch (error) {
      if (!(error instanceof SymphonyError)) throw error
      const large = tooLarge(error, batch)
      const others = undone(error).filter((u) => u.code !== 'output_too_large')
      if (large.length + others.length === 0) throw error
      for (const { receipt, code } of others) {
        // A cancelled message is ended by a nack; a lost one is somebody else's.
        if (code === 'message_cancelled') this.#nack({ receipt, release: true })
        else this.#tell(error, 'the lease of a message was lost; it is handled again')
      }
      if (large.length === 0) return
      this.#tell(error, 'outputs were too large; their messages are completed without')
      await this.#ackBatch(large.map(({ receipt }) => ({ receipt, output: undefined })), signal)
    }
  }

  #nack(body: Record<string, unknown>): void {
    const done = this.#settle(async (signal) => {
      const call = { method: 'POST', path: '/api/symphony/nack', body: JSON.stringify(body), repeat: true, signal }
      await this.#connection.text(call)
    }).finally(() => this.#settling.delete(done))
    this.#settling.add(done)
  }

  /** Tells the server a result, for as long as the lease may last. It never rejects. */
  async #settle(call: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(), this.#lease)
    for (let pause = minPause; ; pause = Math.min(pause * 2, maxPause)) {
      try {
        await call(limit.signal)
        break
      } catch (error) {
        if (isFinal(error) || limit.signal.aborted) {
          this.#tell(error, 'a result could not be told to the server; the message is delivered again')
          break
        }
        await rest(jitter(pause, error), limit.signal).catch(() => {})
      }
    }
    clearTimeout(timer)
  }

  /** Extends the leases of all that is in hand, and ends the work on what was cancelled or lost. */
  async #extend(): Promise<void> {
    const receipts = [...this.#held.values()].filter((h) => !h.reporter.ended).map((h) => h.receipt)
    for (let i = 0; i < receipts.length; i += maxAcks) {
      const body = JSON.stringify({ receipts: receipts.slice(i, i + maxAcks), lease: this.#lease })
      try {
        const signal = AbortSignal.timeout(Math.ceil(this.#lease / 3))
        await this.#connection.text({ method: 'POST', path: '/api/symphony/extend', body, repeat: true, signal })
      } catch (error) {
        const lost = undone(error)
        if (lost.length === 0) this.#tell(error, 'extending leases failed; it is tried again')
        for (const { receipt, code } of lost) {
          const reason = lostBy(code)
          if (reason) this.#held.get(receipt)?.reporter.end(reason)
        }
      }
    }
  }

  /** Lets the handlers finish, for the grace; then they are told to stop, and have as long again. */
  async #drain(): Promise<void> {
    await this.#until(this.#grace, this.#interrupt.signal)
    if (this.#held.size > 0) {
      const reason = new InterruptedError('the worker stops', 'interrupted')
      for (const { reporter } of this.#held.values()) reporter.end(reason)
      await this.#until(Math.min(this.#grace, this.#lease))
    }
    if (this.#held.size > 0) {
      this.#tell(undefined, `${this.#held.size} handlers do not heed ctx.signal; their messages are handled again when their leases end`)
    }
    while (this.#acking || this.#settling.size > 0) await Promise.all([this.#acking, ...this.#settling])
  }

  /** Waits until no handler runs, or so many milliseconds, or the signal. */
  async #until(ms: number, signal?: AbortSignal): Promise<void> {
    const end = Date.now() + ms
    while (this.#held.size > 0 && Date.now() < end && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, end - Date.now())
        const wake = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        this.#wakeReceiver = wake
        signal?.addEventListener('abort', wake, { once: true })
      })
    }
  }

  #tell(error: unknown, what: string): void {
    if (this.#options.onError) this.#options.onError(error, what)
    else console.warn(`symphony: ${what}`, error ?? '')
  }
}

function ackBody(batch: readonly Ack[]): string {
  const receipts = batch.filter((a) => a.output === undefined).map((a) => a.receipt)
  const items = batch
    .filter((a) => a.output !== undefined)
    .map((a) => `{"receipt":${JSON.stringify(a.receipt)},"output":${a.output}}`)
  return `{"receipts":${JSON.stringify(receipts)},"items":[${items.join(',')}]}`
}

/** The receipts for which a call did nothing, with their codes. */
function undone(error: unknown): { receipt: string; code: string }[] {
  const details = (error as SymphonyError).details
  return Array.isArray(details) ? details.filter((d) => typeof d?.receipt === 'string') : []
}

/** Those of some acks whose outputs the server did not take. */
function tooLarge(error: SymphonyError, batch: readonly Ack[]): Ack[] {
  const large = new Set(undone(error).filter((u) => u.code === 'output_too_large').map((u) => u.receipt))
  const all = error.status === 413 && error.code !== 'output_too_large' // the whole request is
  return batch.filter((a) => a.output !== undefined && (all || large.has(a.receipt)))
}

/** Whether trying again is of no use. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof SymphonyError)) return false
  return error instanceof ConfigurationError || (error.status >= 400 && error.status < 500 && error.status !== 429 && error.status !== 408)
}

/** A pause that differs from worker to worker, and is as long as the server asks for. */
function jitter(pause: number, error: unknown): number {
  return Math.max(pause * (0.75 + Math.random() / 2), (error as SymphonyError)?.retryAfter ?? 0)
}
