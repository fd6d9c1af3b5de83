import type { Connection } from './http.js'
import { LeaseLostError, MessageCancelledError, SymphonyError, ValidationError } from './errors.js'
import type { Hand } from './handling.js'

/** The pause between two calls that tell progress, in milliseconds. */
const pause = 250

/** The most lines of one call, and the most characters of a text of progress. */
const maxLines = 100
const maxText = 200

/** Milliseconds that a call may take: the last one keeps back the result of the attempt. */
const patience = 2000

interface Told {
  done: number
  total?: number
  text?: string
}

/** The error that a code of a receipt says, undefined for others. */
export function lostBy(code: unknown): SymphonyError | undefined {
  if (code === 'message_cancelled') return new MessageCancelledError('the message was cancelled', code, { status: 409 })
  if (code === 'lease_lost' || code === 'foreign_receipt') {
    return new LeaseLostError('the lease of the message was lost', code, { status: 409 })
  }
  return undefined
}

/**
 * Tells the server how far the handling of one message is, and what it logs. At most one call is under way at a time,
 * and what is told meanwhile goes with the next one. An answer that says that the message is lost ends `signal`.
 */
export class Reporter implements Hand {
  readonly #connection: Connection
  readonly #receipt: string
  readonly #members: Record<string, unknown>
  readonly #credential: null | undefined
  #controller: AbortController | undefined
  #reason: { error: unknown } | undefined
  #progress: Told | undefined
  #lines: string[] = []
  #under: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  /**
   * @param receipt empty where nothing can be told.
   * @param members go with each call, such as the lease of a pull worker.
   * @param credential null for a receipt that is its own credential.
   */
  constructor(connection: Connection, receipt: string, members: Record<string, unknown>, credential?: null) {
    this.#connection = connection
    this.#receipt = receipt
    this.#members = members
    this.#credential = credential
  }

  /** Made when it is asked for: most handlers do not, and it costs more than all the rest. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason) this.#controller.abort(this.#reason.error)
    return this.#controller.signal
  }

  /** Whether the work was ended, and why. */
  get ended(): { error: unknown } | undefined {
    return this.#reason
  }

  /** Ends the signal. The first reason counts. */
  end(error: unknown): void {
    this.#reason ??= { error }
    this.#controller?.abort(this.#reason.error)
  }

  progress(done: number, total?: number, text?: string): Promise<void> {
    if (!Number.isSafeInteger(done) || done < 0 || (total !== undefined && (!Number.isSafeInteger(total) || total < 1))) {
      const message = `must be whole numbers, done from 0 and total from 1, are ${done} and ${total}`
      throw new ValidationError([{ path: 'progress', message }])
    }
    this.#progress = { done }
    if (total !== undefined) this.#progress.total = total
    if (text) this.#progress.text = [...text].slice(0, maxText).join('')
    return this.#tell()
  }

  log(...parts: unknown[]): void {
    const line = parts.map((p) => (typeof p === 'string' ? p : p instanceof Error ? `${p.name}: ${p.message}` : json(p))).join(' ')
    this.#lines.push(...line.split('\n'))
    this.#lines.splice(0, this.#lines.length - maxLines)
    void this.#tell()
  }

  /** Tells what is left. Nothing is told afterwards. */
  close(): Promise<void> | undefined {
    this.#closed = true
    clearTimeout(this.#timer)
    return this.#under || this.#waits ? this.#last() : undefined
  }

  async #last(): Promise<void> {
    await this.#under
    if (this.#waits) await this.#call()
  }

  get #waits(): boolean {
    return this.#receipt !== '' && !this.#reason && (this.#progress !== undefined || this.#lines.length > 0)
  }

  /** Resolves when a call is done, or at once where what was told waits for the next one. */
  async #tell(): Promise<void> {
    if (this.#closed || !this.#waits || this.#under || this.#timer) return
    this.#under = this.#call()
    await this.#under
    this.#under = undefined
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#tell()
    }, pause)
  }

  async #call(): Promise<void> {
    const body = JSON.stringify({
      receipts: [this.#receipt], ...this.#members, progress: this.#progress, log: this.#lines.length ? this.#lines : undefined,
    })
    this.#progress = undefined
    this.#lines = []
    const call = { method: 'POST', path: '/api/symphony/extend', body, signal: AbortSignal.timeout(patience) }
    try {
      await this.#connection.text(this.#credential === null ? { ...call, credential: null } : call)
    } catch (error) {
      // Work goes on where it could not be told how far it is.
      const lost = lostBy((error as SymphonyError).code)
      if (lost) this.end(lost)
    }
  }
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
