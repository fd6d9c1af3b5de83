import type { Callback, DispatchRequest } from './api.gen.js'
import type { Failure } from './handling.js'

/** A message of a queue in memory. Times are milliseconds since 1970. */
export interface Stored {
  id: string
  type: string
  /** The payload as it was sent. */
  payload: Record<string, unknown>
  options: NonNullable<DispatchRequest['options']>
  status: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled'
  createdAt: number
  availableAt: number
  finishedAt?: number
  /** How often it was handled. */
  attempt: number
  attempts: (Failure & { attempt: number; log: string[] })[]
  output?: unknown
  progress?: object
  reason?: string
  failedId?: string
  retryOf?: { failedId: string; messageId: string }
}

/** The server's policy unless it is told otherwise: three retries, after 1 s, 2 s and 4 s. */
const maxRetries = 3
const firstDelay = 1000
const maxDelay = 30_000

class Refusal {
  readonly status: number
  readonly code: string
  readonly error: string

  constructor(status: number, code: string, error: string) {
    this.status = status
    this.code = code
    this.error = error
  }
}

/**
 * A queue in memory with a clock of its own, which answers the calls of a client. It does what the server does with
 * messages, one at a time; of what an operator asks for it knows nothing, and says so.
 */
export class Memory {
  readonly messages = new Map<string, Stored>()
  now = Date.now()
  #next = 0
  readonly #waiting = new Map<string, (() => void)[]>()

  /** Takes the place of the runtime's fetch. */
  readonly fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input))
    try {
      const body = typeof init.body === 'string' ? JSON.parse(init.body) : {}
      const [status, answer] = await this.#answer(init.method ?? 'GET', url.pathname.slice('/api/symphony/'.length), url, body)
      return Response.json({ success: true, ...answer }, { status })
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal
      return Response.json({ error: refusal.error, code: refusal.code }, { status: refusal.status })
    }
  }

  async #answer(method: string, path: string, url: URL, body: unknown): Promise<[number, object]> {
    const [kind, id = '', action = ''] = path.split('/').map(decodeURIComponent)
    switch (`${method} ${kind}${id && kind !== 'dispatch' ? '/*' : id && '/batch'}${action && `/${action}`}`) {
      case 'POST dispatch': {
        const receipt = this.dispatch(body as DispatchRequest)
        return [receipt.duplicate || receipt.dropped ? 200 : 201, receipt]
      }
      case 'POST dispatch/batch':
        return [201, { results: (body as { messages: DispatchRequest[] }).messages.map((m) => this.dispatch(m)) }]
      case 'GET messages':
        return [200, { messages: this.#list(url, [...this.messages.values()]).map((m) => this.#shown(m)), pagination: {} }]
      case 'GET messages/*':
        return [200, { message: this.#shown(await this.#ended(id, Number(url.searchParams.get('wait') ?? 0))) }]
      case 'PATCH messages/*':
        return [200, { message: this.#shown(this.#edit(this.#pending(id), body as Record<string, unknown>)) }]
      case 'DELETE messages/*':
        this.messages.delete(this.#pending(id).id)
        return [200, { message: 'deleted' }]
      case 'POST messages/*/run-now':
        this.#pending(id).availableAt = this.now
        return [200, { message: 'ready' }]
      case 'POST messages/*/cancel':
        return [200, this.#cancel(this.#find(id), (body as { reason?: string }).reason)]
      case 'GET failed':
        return [200, { messages: this.#list(url, this.failed()).map((m) => this.#failure(m)), pagination: {} }]
      case 'GET failed/*':
        return [200, { message: this.#failure(this.#dead(id)) }]
      case 'DELETE failed/*':
        this.messages.delete(this.#dead(id).id)
        return [200, { message: 'deleted' }]
      case 'POST failed/*/retry':
        return [200, this.#retry(this.#dead(id), (body as { payload?: Record<string, unknown> }).payload)]
    }
    throw new Refusal(501, 'not_supported', `a client for tests does not answer ${method} ${path}: use a real server for it`)
  }

  /** Stores a message, or says why there is none. */
  dispatch({ message, options = {} }: DispatchRequest): Record<string, unknown> {
    const alive = [...this.messages.values()]
    const key = options.idempotencyKey
    const first = key === undefined ? undefined : alive.find((m) => m.options.idempotencyKey === key)
    if (first) {
      if (first.type !== message.type || JSON.stringify(first.payload) !== JSON.stringify(message.payload)) {
        throw new Refusal(409, 'idempotency_conflict', `the key ${JSON.stringify(key)} was used for another message`)
      }
      return { ...this.#receipt(first), duplicate: true }
    }
    const waits = (name: 'throttleKey' | 'debounceKey') =>
      options[name] === undefined ? undefined : alive.find((m) => m.status === 'pending' && m.options[name] === options[name])
    const throttled = waits('throttleKey')
    if (throttled) return { ...this.#receipt(throttled), dropped: true }
    const replaced = waits('debounceKey')
    if (replaced) this.messages.delete(replaced.id)
    const at = options.scheduledAt ? Date.parse(options.scheduledAt) : this.now + (options.delay ?? 0)
    const stored: Stored = {
      id: `test-${String(++this.#next).padStart(6, '0')}`, type: message.type, payload: message.payload as Record<string, unknown>,
      options, status: 'pending', createdAt: this.now, availableAt: Math.max(at, this.now), attempt: 0, attempts: [],
    }
    this.messages.set(stored.id, stored)
    return { ...this.#receipt(stored), ...(replaced && { replaced: replaced.id }) }
  }

  /** The message to handle next: of those that are due the one with the highest priority, else the one that is due first. */
  next(): Stored | undefined {
    const due = (m: Stored) => Math.max(m.availableAt, this.now)
    const waiting = [...this.messages.values()].filter((m) => m.status === 'pending')
    return waiting.sort((a, b) => due(a) - due(b) || (b.options.priority ?? 5) - (a.options.priority ?? 5) || a.availableAt - b.availableAt)[0]
  }

  failed(): Stored[] {
    return [...this.messages.values()].filter((m) => m.status === 'failed').reverse()
  }

  /** Ends an attempt that succeeded. */
  complete(m: Stored, output: unknown): void {
    if (output !== undefined) m.output = output
    this.#end(m, 'completed')
  }

  /** Ends an attempt that failed: it is tried again, or is a dead letter. */
  fail(m: Stored, failure: Failure, log: string[]): void {
    m.attempts.push({ ...failure, attempt: m.attempt, log })
    if (failure.permanent || m.attempt > (m.options.maxRetries ?? maxRetries)) {
      m.failedId = `failed-${m.id}`
      this.#end(m, 'failed')
      return
    }
    const list = m.options.retryDelay
    const own = Array.isArray(list) ? list[Math.min(m.attempt, list.length) - 1] : list
    m.status = 'pending'
    m.availableAt = this.now + (failure.retryAfter ?? own ?? Math.min(firstDelay * 2 ** (m.attempt - 1), maxDelay))
  }

  #end(m: Stored, status: 'completed' | 'failed' | 'cancelled'): void {
    m.status = status
    m.finishedAt = this.now
    const next: Callback | undefined = status === 'completed' ? m.options.onSuccess : m.options.onFailure
    if (next) {
      const last = m.attempts.at(-1)
      const source = { messageId: m.id, type: m.type, status, output: m.output, error: last?.error, errorClass: last?.errorClass, attempts: m.attempt }
      const correlationId = m.options.correlationId ?? m.id
      this.dispatch({ message: { type: next.type, payload: { ...next.payload, source } }, options: { queue: next.queue, correlationId, causationId: m.id } })
    }
    for (const wake of this.#waiting.get(m.id) ?? []) wake()
    this.#waiting.delete(m.id)
  }

  #find(id: string): Stored {
    const m = this.messages.get(id)
    if (!m) throw new Refusal(404, 'not_found', `there is no message ${id}`)
    return m
  }

  #pending(id: string): Stored {
    const m = this.#find(id)
    if (m.status !== 'pending') throw new Refusal(409, 'message_not_pending', `message ${id} is ${m.status}`)
    return m
  }

  #dead(id: string): Stored {
    const m = this.failed().find((f) => f.id === id || f.failedId === id)
    if (!m) throw new Refusal(404, 'not_found', `there is no failed message ${id}`)
    return m
  }

  async #ended(id: string, wait: number): Promise<Stored> {
    const m = this.#find(id)
    if (wait > 0 && (m.status === 'pending' || m.status === 'processing')) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait)
        const wake = () => {
          clearTimeout(timer)
          resolve()
        }
        this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), wake])
      })
    }
    return this.#find(id)
  }

  #edit(m: Stored, change: Record<string, unknown>): Stored {
    const { payload, scheduledAt, ...others } = change
    if (payload !== undefined) m.payload = payload as Record<string, unknown>
    if (scheduledAt !== undefined) m.availableAt = scheduledAt === null ? this.now : Date.parse(scheduledAt as string)
    for (const [name, value] of Object.entries(others)) {
      if (value === null) delete m.options[name as keyof Stored['options']]
      else Object.assign(m.options, { [name]: value })
    }
    return m
  }

  #cancel(m: Stored, reason: string | undefined): object {
    if (m.status !== 'pending' && m.status !== 'processing') throw new Refusal(409, 'message_final', `message ${m.id} is ${m.status}`)
    if (reason) m.reason = reason
    this.#end(m, 'cancelled')
    return { messageId: m.id, status: 'cancelled' }
  }

  #retry(m: Stored, payload: Record<string, unknown> | undefined): object {
    const { idempotencyKey: _, scheduledAt: __, delay: ___, ...options } = m.options
    this.messages.delete(m.id)
    const { messageId } = this.dispatch({ message: { type: m.type, payload: payload ?? m.payload }, options })
    const next = this.#find(messageId as string)
    next.retryOf = { failedId: m.failedId as string, messageId: m.id }
    return { message: 'dispatched', newMessageId: messageId, originalFailedMessageId: m.failedId }
  }

  #list(url: URL, messages: Stored[]): Stored[] {
    const all = (name: string) => url.searchParams.getAll(name)
    const [type] = all('type')
    return messages.filter(
      (m) =>
        (!type || (type.endsWith('.*') ? m.type.startsWith(type.slice(0, -1)) : m.type === type)) &&
        (all('status').length === 0 || all('status').includes(m.status)) &&
        all('queue').every((q) => (m.options.queue ?? 'default') === q) &&
        all('tag').every((tag) => m.options.tags?.includes(tag)),
    )
  }

  #receipt(m: Stored): Record<string, unknown> {
    const { idempotencyKey, queue = 'default', transport = 'default' } = m.options
    return { messageId: m.id, transport, queue, idempotencyKey }
  }

  #shown(m: Stored): object {
    const { metadata, headers = {}, priority = 5, queue = 'default', transport = 'default', tags, ...options } = m.options
    const last = m.attempts.at(-1)
    const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
    return {
      ...options, id: m.id, status: m.status, transport, queue, priority, headers, tags, attempt: m.attempt, attempts: m.attempts, timeline: [],
      message: { type: m.type, payload: m.payload, metadata: metadata ?? {} }, output: m.output, progress: m.progress, retryOf: m.retryOf,
      createdAt: time(m.createdAt), availableAt: time(m.availableAt), finishedAt: time(m.finishedAt), failedId: m.failedId,
      correlationId: options.correlationId ?? m.id, cancel: m.status === 'cancelled' ? { requestedAt: time(m.finishedAt), reason: m.reason } : undefined,
      ...(m.status === 'failed' && { error: last?.error, errorClass: last?.errorClass }),
    }
  }

  #failure(m: Stored): object {
    const { id, ...shown } = this.#shown(m) as { id: string }
    return { ...shown, id: m.failedId, messageId: id, retryCount: m.attempt - 1, maxRetries: m.options.maxRetries ?? maxRetries, failedAt: new Date(m.finishedAt as number).toISOString() }
  }
}
