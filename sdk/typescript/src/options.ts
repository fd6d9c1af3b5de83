import type { Callback } from './api.gen.js'
import { type Duration, parseDuration } from './duration.js'

/** A time: a `Date`, or a text of RFC 3339 such as `2026-12-01T09:00:00Z`. */
export type Time = Date | string

/** The options of one dispatch. All are optional; docs/options.md has more about each. */
export interface DispatchOptions {
  /** Where the message is stored. Default: the server's route for its type, else its default transport. */
  transport?: string | undefined
  /** The queue within the transport. Default: the transport's. */
  queue?: string | undefined
  /** 1 to 10, 10 goes first. Default: the transport's, else 5. */
  priority?: number | undefined
  /** How long until it is delivered. Default: at once. */
  delay?: Duration | undefined
  /** The earliest time of its delivery, instead of `delay`. In the past means now. */
  scheduledAt?: Time | undefined
  /** A message that nobody has begun to handle by then goes to the dead letter queue. */
  expiresAt?: Time | undefined
  /**
   * All dispatches with this key, within the server's window of 24 hours, make one message. Default: a random key for
   * this call, under which it can be repeated when its answer was lost; none where the client has `retries: 0`.
   */
  idempotencyKey?: string | undefined
  /** Free data, such as who has caused it. */
  metadata?: Record<string, unknown> | undefined
  /** Free data for whatever carries the message on: at most 64 names. */
  headers?: Record<string, unknown> | undefined
  /** Words by which it is found: at most 20, each of 1 to 64 printable characters without a comma. */
  tags?: readonly string[] | undefined
  /** Attempts after the first, 0 to 100. Default: as the policy of its type says. */
  maxRetries?: number | undefined
  /** How long until a retry, up to 24 hours: one duration, or a list of them, of which the last repeats. */
  retryDelay?: Duration | readonly Duration[] | undefined
  /** How long an attempt may take, 100 ms to 24 hours. */
  timeout?: Duration | undefined
  /** For how long it is kept once it is completed or cancelled; 0 forgets it. */
  retention?: Duration | undefined
  /** Messages with the same key are handled one at a time, or as the limits of their type say. */
  concurrencyKey?: string | undefined
  /** Groups of the same queue, such as customers, take turns. */
  groupKey?: string | undefined
  /** The messages of its group are handled one after the other, in the order of their dispatch. Needs `groupKey`. */
  ordered?: boolean | undefined
  /** Takes the place of the message with this key that waits. */
  debounceKey?: string | undefined
  /** Is dropped while a message with this key waits. */
  throttleKey?: string | undefined
  /** Shared by the messages of one story. Default: the message's own id. */
  correlationId?: string | undefined
  /** The id of the message whose handling dispatches this one. */
  causationId?: string | undefined
  /** Is pushed there, instead of to the configured handler; an origin that the server's settings allow. */
  url?: string | undefined
  /** A message that follows when this one is completed. */
  onSuccess?: Callback | undefined
  /** A message that follows when this one has failed for good or was cancelled. */
  onFailure?: Callback | undefined
  /** Has the answer carry a token by which an end user may follow this message. */
  token?: boolean | undefined
}

const durations = ['delay', 'timeout', 'retention'] as const

/** The options as they are sent. */
export function wireOptions(options: DispatchOptions, path: string): Record<string, unknown> {
  const wire: Record<string, unknown> = { ...options }
  for (const name of durations) {
    const value = options[name]
    if (value !== undefined) wire[name] = parseDuration(value, `${path}.${name}`)
  }
  const { retryDelay } = options
  if (retryDelay !== undefined) {
    wire.retryDelay = Array.isArray(retryDelay)
      ? retryDelay.map((d, i) => parseDuration(d, `${path}.retryDelay[${i}]`))
      : parseDuration(retryDelay as Duration, `${path}.retryDelay`)
  }
  return wire
}
