/** One mistake in a request. `path` names the member, such as `options.priority` or `message.payload.order`. */
export interface Problem {
  path: string
  message: string
}

/** What an error carries beside its text. */
export interface ErrorFields {
  /** The HTTP status of the answer; 0 where there was none. */
  status?: number
  /** What the server told beside the sentence; see docs/api.md. */
  details?: unknown
  /** The id under which the server's log has the request. */
  requestId?: string | undefined
  /** Milliseconds that the server asks to wait before another try. */
  retryAfter?: number | undefined
  cause?: unknown
}

/**
 * What every error of this package is. `code` is a stable word: the server's (see docs/api.md), or one of this
 * package's own, which each class names. Branch on `code` or on the class, never on the text.
 */
export class SymphonyError extends Error {
  override name = 'SymphonyError'
  readonly code: string
  readonly status: number
  readonly details: unknown
  readonly requestId: string | undefined
  readonly retryAfter: number | undefined

  constructor(message: string, code: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.status = fields.status ?? 0
    this.details = fields.details
    this.requestId = fields.requestId
    this.retryAfter = fields.retryAfter
  }
}

/** The request is wrong (400), or was found to be before it was sent (`status` 0). Nothing was changed. */
export class ValidationError extends SymphonyError {
  override name = 'ValidationError'
  /** All that is wrong, as far as it was told: at most 100. */
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[], message?: string, code = 'validation_failed', fields: ErrorFields = {}) {
    const list = problems.map((p) => `${p.path} ${p.message}`.trim()).join('; ')
    super([message, list].filter(Boolean).join(' '), code, { details: problems, ...fields })
    this.problems = problems
  }
}

/** The settings of the client are missing or wrong; codes `url_missing`, `url_invalid`, `key_in_browser`, `secret_invalid`, … */
export class ConfigurationError extends SymphonyError {
  override name = 'ConfigurationError'
}

/** The key or token is missing, wrong or over (401). */
export class AuthenticationError extends SymphonyError {
  override name = 'AuthenticationError'
}

/** The caller may not do this (403). */
export class PermissionError extends SymphonyError {
  override name = 'PermissionError'
}

/** There is nothing by this id (404), or it was retried (`code` `retried`, `details.newMessageId`). */
export class NotFoundError extends SymphonyError {
  override name = 'NotFoundError'
}

/** The state of the message does not allow it (409), such as `idempotency_conflict` or `message_final`. */
export class ConflictError extends SymphonyError {
  override name = 'ConflictError'
}

/** The caller has asked too often (429). Nothing was done. */
export class RateLimitError extends SymphonyError {
  override name = 'RateLimitError'
}

/** The server cannot do it now (502, 503, 504). With the code `storage_unavailable` certainly nothing was stored. */
export class UnavailableError extends SymphonyError {
  override name = 'UnavailableError'
}

/** What was asked for may have been done: the server does not know (503 `outcome_unknown`). */
export class OutcomeUnknownError extends SymphonyError {
  override name = 'OutcomeUnknownError'
}

/** No answer came: code `network`, or `timeout`. What was asked for may have been done. */
export class NetworkError extends SymphonyError {
  override name = 'NetworkError'
}

/** `wait` gave up: the message has not ended yet. Code `wait_timeout`. */
export class WaitTimeoutError extends SymphonyError {
  override name = 'WaitTimeoutError'
}

/** The message that was waited for has failed for good. Code `message_failed`; `details` is the message. */
export class MessageFailedError extends SymphonyError {
  override name = 'MessageFailedError'
}

/** The message was cancelled. Code `message_cancelled`; `details` is the message where it was waited for. */
export class MessageCancelledError extends SymphonyError {
  override name = 'MessageCancelledError'
}

/** The lease of the message was lost: somebody else may handle it by now. Code `lease_lost`. */
export class LeaseLostError extends SymphonyError {
  override name = 'LeaseLostError'
}

/** The worker stops, and its handlers were not done in time. Code `interrupted`. */
export class InterruptedError extends SymphonyError {
  override name = 'InterruptedError'
}

/** A request is not signed by whom it says, or its signature is too old. Code `signature_invalid`. */
export class SignatureError extends SymphonyError {
  override name = 'SignatureError'
}

interface ErrorBody {
  error?: unknown
  code?: unknown
  details?: unknown
}

function classOf(status: number, code: string): typeof SymphonyError {
  if (code === 'outcome_unknown') return OutcomeUnknownError
  if (status === 401) return AuthenticationError
  if (status === 403) return PermissionError
  if (status === 404) return NotFoundError
  if (status === 409) return ConflictError
  if (status === 429) return RateLimitError
  return status >= 502 && status <= 504 ? UnavailableError : SymphonyError
}

/** Makes an answer that is no success the error that it says. */
export function errorOf(response: Response, text: string): SymphonyError {
  let body: ErrorBody = {}
  try {
    body = JSON.parse(text) ?? {}
  } catch {
    // Something on the way has answered, in another format.
  }
  const status = response.status
  const message = typeof body.error === 'string' ? body.error : `${status} ${response.statusText}`.trim()
  const code = typeof body.code === 'string' ? body.code : `http_${status}`
  const fields = {
    status,
    details: body.details,
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfter: retryAfterOf(response.headers),
  }
  if (status === 400) return new ValidationError(Array.isArray(body.details) ? body.details : [], message, code, fields)
  return new (classOf(status, code))(message, code, fields)
}

/** What Retry-After asks for in milliseconds, undefined if it does not say. */
function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (!value) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0)
}
