import type {
  CancelResponse, FailedMessage as WireFailed, MessageEdit, RetryResponse, Routes, StatusResponse, WholeMessage,
} from './api.gen.js'
import type { Codec } from './codec.js'
import { type Duration, parseDuration } from './duration.js'
import { MessageCancelledError, MessageFailedError, ValidationError, WaitTimeoutError } from './errors.js'
import { type Call, Connection, type ConnectionOptions, parse, query } from './http.js'
import { RawJson } from './json.js'
import { type DispatchOptions, type Time, wireOptions } from './options.js'
import { type AnyMessages, checkPayload, type Definitions, type Input, type Json, type Output, type Payload, type TypeName } from './schema.js'

/** The settings of a client. Nothing is read from the environment before the first call. */
export interface ClientOptions<M extends Definitions = AnyMessages> extends ConnectionOptions {
  /** The types of messages, made by `defineMessages`. Default: any. */
  messages?: M | undefined
  /** Changes payloads before they are sent and back before handlers get them, as by `aesGcm`. Default: none. */
  codec?: Codec | undefined
}

declare const output: unique symbol

/** The id of a message: a string that remembers for TypeScript what its handler returns. */
export type MessageId<O = unknown> = string & { readonly [output]?: O }

/** The answer to a dispatch. The message is stored durably. */
export interface Receipt<O = unknown> {
  messageId: MessageId<O>
  transport: string
  queue: string
  /** When it is to be delivered, if later. */
  scheduledAt?: string
  idempotencyKey?: string
  /** The idempotency key was known: this is the first message with it. */
  duplicate?: boolean
  /** A message with the same throttle key waits: this is that one. */
  dropped?: boolean
  /** The id of the waiting message with the same debounce key whose place this one has taken. */
  replaced?: string
  /** The messages for further transports, where the route of the type names several. */
  also?: Receipt[]
  /** With the option `token`: what an end user may follow the message with. */
  token?: string
}

/** A message as the server has it; see docs/messages.md. Times are texts of RFC 3339 in UTC. */
export type StoredMessage<P = unknown, O = unknown> = Omit<WholeMessage, 'message' | 'output' | 'id'> & {
  id: MessageId<O>
  message: { type: string; payload: P; metadata?: Record<string, unknown> | undefined }
  /** What its handler has left, once it is completed. */
  output?: O
}

/** A message in the dead letter queue. */
export type FailedMessage = WireFailed

/** One message of `dispatchMany`. */
export type BatchItem<M> = {
  [K in TypeName<M>]: { type: K; payload: Input<M, K> | RawJson; options?: DispatchOptions | undefined }
}[TypeName<M>]

/** Ends a call early. */
export interface Abortable {
  signal?: AbortSignal | undefined
}

/** Which transport is looked at. Default: all of them. */
export interface InTransport extends Abortable {
  transport?: string | undefined
}

/** What may be changed of a message that waits. null takes away what is there. */
export type Edit = Omit<MessageEdit, 'scheduledAt' | 'expiresAt'> & {
  scheduledAt?: Time | null | undefined
  expiresAt?: Time | null | undefined
}

type QueryOf<R extends keyof Routes> = Routes[R] extends { query: infer Q } ? Q : never

/** What selects messages in `messages.list`. `limit` is how many a page has, not how many come. */
export type MessageQuery = Omit<QueryOf<'GET /api/symphony/messages'>, 'cursor' | 'metadata'> & MetadataQuery

/** What selects dead letters in `failed.list`. */
export type FailedQuery = Omit<QueryOf<'GET /api/symphony/failed'>, 'cursor' | 'offset' | 'metadata'> & MetadataQuery

/** Equalities of members of the metadata, such as `"metadata.customer.vip": true`. */
export interface MetadataQuery {
  [path: `metadata.${string}`]: string | number | boolean | undefined
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The paths of the API for a method. */
export type RoutePath<Me extends Method> = keyof Routes extends infer R ? (R extends `${Me} ${infer P}` ? P : never) : never

type RouteOf<Me extends Method, P extends string> = `${Me} ${P}` extends keyof Routes ? Routes[`${Me} ${P}`] : never

type RouteInput<R> = Pick<R, Extract<keyof R, 'path' | 'body'>> &
  (R extends { query: infer Q } ? (object extends Q ? { query?: Q } : { query: Q }) : unknown) &
  Abortable

/** A route that the package has no types for. */
export interface AnyInput extends Abortable {
  path?: Readonly<Record<string, string>>
  query?: Readonly<Record<string, unknown>>
  body?: unknown
}

/** What handlers and helpers of this package need of a client. Not for applications. */
export interface Core {
  readonly connection: Connection
  readonly messages: Definitions | undefined
  readonly codec: Codec | undefined
}

/** Where a client keeps its core, also for copies of this package of the other module format. */
export const core: unique symbol = Symbol.for('@symphony-messenger/client') as never

/** A client of one server. Made by `createClient`. */
export interface Symphony<M extends Definitions = AnyMessages> {
  /**
   * Stores a message for a worker. Once it resolves, the message is on disk.
   *
   * The payload is checked by the schema of its type, and what the schema makes of it is sent. Network errors and
   * answers that leave it open are repeated under an idempotency key, so that one message results.
   *
   * @throws {ValidationError} if the schema or the server refuses it.
   * @throws {ConflictError} `idempotency_conflict`: the key was used for another message.
   * @throws {NetworkError | OutcomeUnknownError} if it is not known whether it was stored: dispatch it again with the
   * same `idempotencyKey`.
   */
  dispatch<K extends TypeName<M>>(
    type: K, payload: Input<M, K> | RawJson, options?: DispatchOptions & Abortable,
  ): Promise<Receipt<Output<M, K>>>

  /**
   * Stores 1 to 1,000 messages, all or none. The answers are in the order of the messages, and remember for `wait` what
   * the handlers of the types among them return.
   */
  dispatchMany<K extends TypeName<M>>(
    messages: ReadonlyArray<{ readonly type: K } & BatchItem<M>>, options?: Abortable,
  ): Promise<Receipt<Output<M, K>>[]>

  /**
   * Waits until a message has ended, and returns what its handler has left. A failed message that is retried meanwhile
   * is followed.
   *
   * @param options `timeout` is how long, default 30 s.
   * @throws {MessageFailedError | MessageCancelledError} if it ended so; `details` is the message.
   * @throws {WaitTimeoutError} if it has not ended in time.
   */
  wait<O>(id: MessageId<O>, options?: { timeout?: Duration | undefined } & InTransport): Promise<Json<O>>

  /**
   * Everything known about a message.
   *
   * @param options `wait` answers when it has ended or so much time, up to 30 s, is over.
   * @throws {NotFoundError} if it is not there, or not any more.
   */
  get<O>(id: MessageId<O>, options?: { wait?: Duration | undefined } & InTransport): Promise<StoredMessage<unknown, Json<O>>>

  /**
   * Cancels a message wherever it is. `cancelling` says that a worker has it, and is told.
   *
   * @param options `reason` is kept with it, at most 500 bytes.
   * @throws {ConflictError} `message_final`: it is over.
   */
  cancel(
    id: MessageId, options?: { reason?: string | undefined } & InTransport,
  ): Promise<{ messageId: string; status: CancelResponse['status'] }>

  /**
   * Changes a message that waits.
   *
   * @throws {ConflictError} `message_not_pending`: it does not wait.
   */
  edit<O>(id: MessageId<O>, change: Edit, options?: InTransport): Promise<StoredMessage<unknown, Json<O>>>

  readonly messages: {
    /** All messages that a query selects, page by page as the loop goes on. */
    list(query?: MessageQuery, options?: Abortable): AsyncGenerator<StoredMessage, void, undefined>
    /** Deletes a message that waits. */
    delete(id: MessageId, options?: InTransport): Promise<void>
    /** Drops the delay of a message that waits. */
    runNow(id: MessageId, options?: InTransport): Promise<void>
    /**
     * Makes a token by which an end user may follow this message, and nothing else.
     *
     * @param options `ttl` is how long it is good, 1 minute to 24 hours.
     */
    token(
      id: MessageId, options?: { ttl?: Duration | undefined } & Abortable,
    ): Promise<{ token: string; expiresAt: string }>
  }

  /** The dead letter queue. Ids are those of failures or of the messages that failed. */
  readonly failed: {
    /** All dead letters that a query selects, page by page as the loop goes on, newest first. */
    list(query?: FailedQuery, options?: Abortable): AsyncGenerator<FailedMessage, void, undefined>
    get(id: string, options?: InTransport): Promise<FailedMessage>
    /** Dispatches it again, with a corrected payload if one is given. */
    retry(id: string, options?: { payload?: object | undefined } & InTransport): Promise<{ messageId: string }>
    delete(id: string, options?: InTransport): Promise<void>
  }

  /** Counts what waits, runs, is done and failed. */
  status(options?: InTransport): Promise<StatusResponse>

  /**
   * Calls any route of the API, with types where the package knows it.
   *
   * ```ts
   * await symphony.request("POST", "/api/symphony/pause", { body: { queue: "mail" } })
   * await symphony.request("GET", "/api/symphony/failed/{id}", { path: { id } })
   * ```
   */
  request<Me extends Method, P extends RoutePath<Me>>(
    method: Me, path: P,
    ...input: object extends RouteInput<RouteOf<Me, P>>
      ? [input?: RouteInput<RouteOf<Me, P>>]
      : [input: RouteInput<RouteOf<Me, P>>]
  ): Promise<RouteOf<Me, P> extends { answer: infer A } ? A : unknown>
  request(method: Method, path: `/${string}`, input?: AnyInput): Promise<unknown>

  readonly [core]: Core
}

/** The longest that one request waits for the end of a message, in milliseconds. */
const maxWait = 30_000

const maxBatch = 1000

/**
 * Makes a client. The settings are read at the first call, so a client may be made while a program is built:
 *
 * ```ts
 * export const symphony = createClient({ messages }) // SYMPHONY_URL, SYMPHONY_API_KEY
 * ```
 */
export function createClient<M extends Definitions = AnyMessages>(options: ClientOptions<M> = {}): Symphony<M> {
  const connection = new Connection(options)
  const { messages, codec } = options
  const json = <T>(call: Call) => connection.json<T>(call)

  async function encoded(type: string, given: unknown, path: string): Promise<string> {
    const raw = given instanceof RawJson
    const payload = await checkPayload(messages, type, raw ? JSON.parse(given.text) : given, path)
    const text = raw ? given.text : write(payload, `${path}.payload`)
    return codec ? codec.encode(type, text) : text
  }

  /** The JSON of a dispatch. */
  async function request(type: string, payload: unknown, options: DispatchOptions, path: string): Promise<string> {
    const at = path && `${path}.`
    const text = await encoded(type, payload, `${at}message`)
    const wire = wireOptions(options, `${at}options`)
    if (wire.idempotencyKey === undefined && connection.retries > 0) wire.idempotencyKey = crypto.randomUUID()
    return `{"message":{"type":${JSON.stringify(type)},"payload":${text}},"options":${write(wire, `${at}options`)}}`
  }

  async function find(id: string, wait: number | undefined, o: InTransport): Promise<StoredMessage> {
    const path = `${messagePath(id)}${query({ transport: o.transport, wait: wait || undefined })}`
    const call = { method: 'GET', path, repeat: true, waits: wait ?? 0, signal: o.signal }
    return (await json<{ message: StoredMessage }>(call)).message
  }

  async function* list<T>(path: string, values: object, signal: AbortSignal | undefined): AsyncGenerator<T, void, undefined> {
    for (let cursor: string | undefined; ; ) {
      const call = { method: 'GET', path: path + query({ ...values, cursor }), repeat: true, signal }
      const page = await json<{ messages: T[]; pagination: { nextCursor?: string } }>(call)
      yield* page.messages
      cursor = page.pagination.nextCursor
      if (!cursor) return
    }
  }

  const client: Symphony<Definitions> = {
    [core]: { connection, messages, codec },

    async dispatch(type: string, payload: unknown, options: DispatchOptions & Abortable = {}) {
      const { signal, ...rest } = options
      const body = await request(type, payload, rest, '')
      const repeat = connection.retries > 0 || rest.idempotencyKey !== undefined
      return json<Receipt<never>>({ method: 'POST', path: '/api/symphony/dispatch', body, repeat, signal })
    },

    async dispatchMany(list, { signal } = {}) {
      if (list.length < 1 || list.length > maxBatch) {
        throw new ValidationError([{ path: 'messages', message: `must be 1 to ${maxBatch}, are ${list.length}` }])
      }
      const problems: ValidationError['problems'][number][] = []
      const bodies = await Promise.all(
        list.map((m, i) =>
          request(m.type, m.payload, m.options ?? {}, `messages[${i}]`).catch((error) => {
            if (!(error instanceof ValidationError)) throw error
            problems.push(...error.problems)
            return ''
          }),
        ),
      )
      if (problems.length > 0) throw new ValidationError(problems)
      const repeat = connection.retries > 0 || list.every((m) => m.options?.idempotencyKey !== undefined)
      const body = `{"messages":[${bodies.join(',')}]}`
      const call = { method: 'POST', path: '/api/symphony/dispatch/batch', body, repeat, signal }
      return (await json<{ results: Receipt[] }>(call)).results
    },

    async wait(id: string, options: { timeout?: Duration | undefined } & InTransport = {}) {
      const until = Date.now() + parseDuration(options.timeout ?? maxWait, 'timeout')
      for (;;) {
        const left = Math.max(until - Date.now(), 1)
        const message = await find(id, Math.min(left, maxWait), options)
        switch (message.status) {
          case 'completed':
            return message.output as never
          case 'failed':
            throw new MessageFailedError(`message ${id} has failed: ${message.error}`, 'message_failed', { details: message })
          case 'cancelled':
            throw new MessageCancelledError(`message ${id} was cancelled`, 'message_cancelled', { details: message })
        }
        if (Date.now() >= until) {
          throw new WaitTimeoutError(`message ${id} has not ended in time: it is ${message.status}`, 'wait_timeout', { details: message })
        }
      }
    },

    get: async (id: string, options: { wait?: Duration | undefined } & InTransport = {}) =>
      (await find(id, options.wait === undefined ? undefined : parseDuration(options.wait, 'wait'), options)) as never,

    async cancel(id, { reason, transport, signal } = {}) {
      const path = `${messagePath(id)}/cancel${query({ transport })}`
      const { messageId, status } = await json<CancelResponse>({ method: 'POST', path, body: write({ reason }), repeat: true, signal })
      return { messageId, status }
    },

    async edit(id: string, change: Edit, { transport, signal }: InTransport = {}) {
      const path = messagePath(id) + query({ transport })
      return (await json<{ message: never }>({ method: 'PATCH', path, body: write(change, 'change'), repeat: true, signal })).message
    },

    messages: {
      list: (values = {}, { signal } = {}) => list('/api/symphony/messages', values, signal),
      async delete(id, { transport, signal } = {}) {
        await json({ method: 'DELETE', path: messagePath(id) + query({ transport }), signal })
      },
      async runNow(id, { transport, signal } = {}) {
        await json({ method: 'POST', path: `${messagePath(id)}/run-now${query({ transport })}`, signal })
      },
      async token(id, { ttl, signal } = {}) {
        const body = write({ ttl: ttl === undefined ? undefined : Math.ceil(parseDuration(ttl, 'ttl') / 1000) })
        const { token, expiresAt } = await json<{ token: string; expiresAt: string }>({
          method: 'POST', path: `${messagePath(id)}/token`, body, repeat: true, signal,
        })
        return { token, expiresAt }
      },
    },

    failed: {
      list: (values = {}, { signal } = {}) => list('/api/symphony/failed', values, signal),
      async get(id, { transport, signal } = {}) {
        const path = failedPath(id) + query({ transport })
        return (await json<{ message: FailedMessage }>({ method: 'GET', path, repeat: true, signal })).message
      },
      async retry(id, { payload, transport, signal } = {}) {
        const path = `${failedPath(id)}/retry${query({ transport })}`
        const call = { method: 'POST', path, body: write({ payload }, 'payload'), signal }
        return { messageId: (await json<RetryResponse>(call)).newMessageId }
      },
      async delete(id, { transport, signal } = {}) {
        await json({ method: 'DELETE', path: failedPath(id) + query({ transport }), signal })
      },
    },

    status: ({ transport, signal } = {}) =>
      json({ method: 'GET', path: `/api/symphony/status${query({ transport })}`, repeat: true, signal }),

    async request(method: Method, path: string, input: AnyInput = {}) {
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
        const value = input.path?.[name]
        if (value === undefined) throw new ValidationError([{ path: `path.${name}`, message: 'is required' }])
        return segment(value)
      })
      const text = await connection.text({
        method, path: filled + query(input.query ?? {}), repeat: method === 'GET', signal: input.signal,
        body: input.body === undefined ? undefined : write(input.body, 'body'),
      })
      return parse(text) as never
    },
  }
  return client as unknown as Symphony<M>
}

const messagePath = (id: string) => `/api/symphony/messages/${segment(id)}`
const failedPath = (id: string) => `/api/symphony/failed/${segment(id)}`

/** A value as one segment of a path. Dots alone would be taken for another folder. */
function segment(value: string): string {
  if (value === '' || value === '.' || value === '..') {
    throw new ValidationError([{ path: 'id', message: `must be an id, is ${JSON.stringify(value)}` }])
  }
  return encodeURIComponent(value)
}

/** Writes JSON. */
function write(value: unknown, path = ''): string {
  let problem = 'must be a JSON value'
  try {
    const text = JSON.stringify(value)
    if (text !== undefined) return text
  } catch (error) {
    const { message } = error as Error
    problem = `cannot be written as JSON: ${message}${/BigInt/.test(message) ? '; large numbers can be given as RawJson' : ''}`
  }
  throw new ValidationError([{ path, message: problem }])
}

/** The payload that handlers of a type get, for annotations such as `PayloadOf<typeof messages, "order.paid">`. */
export type PayloadOf<M extends Definitions, K extends TypeName<M>> = Payload<M, K>
