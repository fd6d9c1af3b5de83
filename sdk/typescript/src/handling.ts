import type { Abortable, Receipt, Symphony } from './client.js'
import { type Duration, parseDuration } from './duration.js'
import { ConfigurationError, ValidationError } from './errors.js'
import type { RawJson } from './json.js'
import type { DispatchOptions } from './options.js'
import { type Matching, Patterns, type PatternsOf } from './patterns.js'
import { checkPayload, type Definitions, type Input, type Output, type Payload, type TypeName, typesOf } from './schema.js'
import { withTrace } from './trace.js'

/** A message in the hands of a handler. Times are texts of RFC 3339 in UTC. */
export interface Message<T extends string = string, P = unknown> {
  /** The same in every attempt: recognize by it what you have seen. */
  readonly id: string
  readonly type: T
  readonly payload: P
  /**
   * The payload as JSON, as it was dispatched: numbers have all their digits. `new RawJson(m.raw)` dispatches it on.
   * Where a codec is in use it is what that has decoded.
   */
  readonly raw: string
  readonly transport: string
  readonly queue: string
  /** 1 to 10, 10 first. */
  readonly priority: number
  /** 1 is the first delivery. */
  readonly attempt: number
  readonly createdAt: string
  readonly scheduledAt?: string | undefined
  readonly idempotencyKey?: string | undefined
  readonly correlationId: string
  readonly causationId?: string | undefined
  readonly metadata: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
}

/** The message of one declared type. */
export type MessageOf<M extends Definitions, K extends TypeName<M>> = Message<K, Payload<M, K>>

/** What a handler is given beside its message. */
export interface Context<M extends Definitions = Definitions> {
  /**
   * Ends when the message was cancelled, its lease was lost, the server has hung up, or the worker has to stop. Its
   * reason is the error. What the handler does then does not count any more.
   */
  readonly signal: AbortSignal
  /** 1 is the first delivery. */
  readonly attempt: number
  /**
   * Tells how far it is: `done` of `total`, whole numbers, and a text of up to 200 characters. At most four times a
   * second something is sent, the latest. It resolves when that is told, or could not be: the handler is not disturbed.
   */
  progress(done: number, total?: number, text?: string): Promise<void>
  /** Keeps a line with the attempt: the last 100 of 1 KiB. What is no text is written as JSON. */
  log(...parts: unknown[]): void
  /** Dispatches a message of the same story: `correlationId` and `causationId` are set. */
  dispatch<K extends TypeName<M>>(
    type: K, payload: Input<M, K> | RawJson, options?: DispatchOptions & Abortable,
  ): Promise<Receipt<Output<M, K>>>
}

/**
 * Handles a message. What it returns is the message's output, JSON up to 64 KiB. What it throws has the message tried
 * again by the policy of its type, unless that is `permanent` or `retryAfter`.
 */
export type Handler<M extends Definitions, K extends TypeName<M>> = (
  message: { [T in K]: MessageOf<M, T> }[K],
  context: Context<M>,
) => Output<M, K> | Promise<Output<M, K>>

/** Handlers by types, `Prefix.*` or `*`. The most specific pattern counts: exact, then the longest prefix, then `*`. */
export type Handlers<M extends Definitions> = {
  readonly [P in TypeName<M> | PatternsOf<TypeName<M>>]?: Handler<M, Matching<TypeName<M>, P>>
}

/** Options of those that call handlers. */
export interface HandlingOptions {
  /**
   * Checks payloads by the schemas of `defineMessages` before handlers get them; what does not fit fails for good, with
   * the class `undecodable`. Default false: a schema that transforms does not take what it has made. Handlers get the
   * payload as it came, not what the schema makes of it.
   */
  validate?: boolean | undefined
}

/** An error after which the message goes to the dead letter queue at once. Made by `permanent`. */
export class PermanentError extends Error {
  override name = 'PermanentError'
}

/** An error after which the message is tried again at a time of the handler's choice. Made by `retryAfter`. */
export class RetryAfterError extends Error {
  override name = 'RetryAfterError'
  /** Milliseconds. */
  readonly delay: number

  constructor(message: string, delay: number, options?: ErrorOptions) {
    super(message, options)
    this.delay = delay
  }
}

/** What a handler throws when no retry can mend it: `throw permanent(error)`, or with a text. */
export function permanent(error: unknown): PermanentError {
  return new PermanentError(textOf(error), { cause: error })
}

/**
 * What a handler throws to be tried again after a time, up to 24 hours, instead of the policy's: `throw
 * retryAfter(error, "30s")`. It counts as an attempt.
 */
export function retryAfter(error: unknown, delay: Duration): RetryAfterError {
  return new RetryAfterError(textOf(error), parseDuration(delay, 'delay'), { cause: error })
}

/** How a handler's failure is told to the server. */
export interface Failure {
  error: string
  errorClass: string
  permanent?: boolean
  /** Milliseconds. */
  retryAfter?: number
}

/** The longest that a retry can be put off, in milliseconds. */
const maxRetryDelay = 86_400_000

/** What a thrown value says. */
export function failureOf(thrown: unknown): Failure {
  const wrapped = thrown instanceof PermanentError || thrown instanceof RetryAfterError
  const failure: Failure = { error: textOf(thrown), errorClass: classOf(wrapped ? thrown.cause : thrown) }
  if (thrown instanceof PermanentError) failure.permanent = true
  if (thrown instanceof RetryAfterError) failure.retryAfter = Math.min(thrown.delay, maxRetryDelay)
  return failure
}

/** A text for people, also of values that are no errors. Never empty. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name
  try {
    return String(typeof error === 'object' && error !== null ? JSON.stringify(error) : error) || 'unknown error'
  } catch {
    return 'unknown error'
  }
}

function classOf(error: unknown): string {
  const told = (error as { errorClass?: unknown } | null | undefined)?.errorClass
  if (typeof told === 'string' && told) return told
  return error instanceof Error ? error.name : 'Error'
}

/** What ends handlers' work and takes what they tell. */
export interface Hand {
  readonly signal: AbortSignal
  progress(done: number, total?: number, text?: string): Promise<void>
  log(...parts: unknown[]): void
}

/** A message as it comes, whose payload may be encoded still. */
export type Incoming = Omit<Message, 'raw'> & { raw: string }

/** Calls the right handler for each message. */
export class Router<M extends Definitions> {
  readonly #client: Symphony<M>
  readonly #core: Symphony<M>[typeof import('./client.js').core]
  readonly #handlers: Patterns<Handler<M, TypeName<M>>>
  readonly #validate: boolean
  /** The patterns that have handlers. */
  readonly patterns: string[]

  /** @throws {ConfigurationError} for a key that is no pattern, or that matches no declared type. */
  constructor(client: Symphony<M>, core: Router<M>['core'], handlers: Handlers<M>, options: HandlingOptions) {
    this.#client = client
    this.#core = core
    const given = handlers as Readonly<Record<string, Handler<M, TypeName<M>> | undefined>>
    this.#handlers = new Patterns(given)
    this.#validate = options.validate ?? false
    this.patterns = Object.keys(given).filter((p) => given[p] !== undefined).sort()
    const types = typesOf(core.messages)
    for (const p of types ? this.patterns : []) {
      if (!types?.some((t) => (p.endsWith('*') ? t.startsWith(p.slice(0, -1)) : t === p))) {
        throw new ConfigurationError(`handler ${JSON.stringify(p)} matches no type that defineMessages declares`, 'pattern_invalid')
      }
    }
  }

  get core(): Symphony<M>[typeof import('./client.js').core] {
    return this.#core
  }

  /**
   * Handles a message: returns its output, or throws what the handler threw.
   *
   * @param trace has the headers of the trace that it goes on with. Default: those of the message.
   */
  async handle(incoming: Incoming, hand: Hand, trace: Readonly<Record<string, unknown>> = incoming.headers): Promise<unknown> {
    const { type } = incoming
    const handler = this.#handlers.match(type)
    if (!handler) {
      throw permanent(Object.assign(new Error(`there is no handler for the type ${JSON.stringify(type)}`), { errorClass: 'no_handler' }))
    }
    const message = this.#core.codec || this.#validate ? await this.#decoded(incoming) : incoming
    const client = this.#client
    const context: Context<M> = {
      get signal() {
        return hand.signal
      },
      attempt: message.attempt,
      progress: (done, total, text) => hand.progress(done, total, text),
      log: (...parts) => hand.log(...parts),
      dispatch: (t, payload, options) =>
        client.dispatch(t, payload, { correlationId: message.correlationId, causationId: message.id, ...options }),
    }
    return withTrace(trace, () => handler(message as never, context))
  }

  async #decoded(incoming: Incoming): Promise<Message> {
    const { codec, messages } = this.#core
    let message: Message = incoming
    if (codec) {
      const stored = incoming.raw
      let raw: string
      try {
        raw = await codec.decode(incoming.type, stored)
      } catch (error) {
        if ((error as { code?: unknown }).code === 'payload_changed') throw permanent(error)
        throw error
      }
      if (raw !== stored) message = { ...incoming, raw, payload: JSON.parse(raw) }
    }
    if (this.#validate) {
      try {
        await checkPayload(messages, message.type, message.payload, 'message')
      } catch (error) {
        if (!(error instanceof ValidationError)) throw error
        throw permanent(Object.assign(new Error(error.message), { errorClass: 'undecodable' }))
      }
    }
    return message
  }
}
