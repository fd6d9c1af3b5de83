import { fromBase64 } from './base64.js'
import { ConfigurationError, SignatureError } from './errors.js'

/** The headers of a signed request, by the Standard Webhooks convention. */
export type SignedHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/** What `verify` looks at. */
export interface VerifyOptions {
  /** The headers of the request. */
  headers: SignedHeaders
  /** The body as it came: the bytes, or their text in UTF-8. JSON that was parsed and written again will not do. */
  body: Uint8Array | string
  /**
   * Secrets (`whsec_…`), of which any will do, so that one can be rotated: a list, or a text with spaces or commas
   * between them. Default: the variable SYMPHONY_WEBHOOK_SECRET is for `serve` alone; here they are required.
   */
  secrets: string | readonly string[]
  /** How many seconds the signature may be old, or ahead of this clock. Default 300. */
  tolerance?: number | undefined
  /** The time in milliseconds since 1970. Default: now. */
  now?: number | undefined
}

/** The most signatures of one request that are looked at. A server sends one for each secret. */
const maxSignatures = 20

const defaultTolerance = 300

/**
 * Verifies that a request was signed with one of the secrets, not long ago, and returns its id and time. Signatures are
 * compared in constant time.
 *
 * @throws {SignatureError} if not. The text may be told to the caller.
 * @throws {ConfigurationError} for a secret that is none. The text does not repeat it.
 */
export async function verify(options: VerifyOptions): Promise<{ id: string; timestamp: Date }> {
  const secrets = typeof options.secrets === 'string' ? secretsOf(options.secrets) : options.secrets
  return verifyWith(await Promise.all(secrets.map(keyOf)), options)
}

/** `verify` with keys that were made of the secrets already. */
export async function verifyWith(
  keys: readonly CryptoKey[], options: Omit<VerifyOptions, 'secrets'>,
): Promise<{ id: string; timestamp: Date }> {
  const { headers, body, tolerance = defaultTolerance, now = Date.now() } = options
  const id = header(headers, 'webhook-id')
  const timestamp = header(headers, 'webhook-timestamp')
  const signatures = header(headers, 'webhook-signature')
  if (!id || !timestamp || !signatures) throw refused('the request is not signed')
  if (!/^\d{1,12}$/.test(timestamp)) throw refused('webhook-timestamp must be seconds since 1970')
  if (Math.abs(now / 1000 - Number(timestamp)) > tolerance) {
    throw refused('the signature is too old, or its time is ahead of this clock')
  }
  const prefix = utf8.encode(`${id}.${timestamp}.`)
  const bytes = typeof body === 'string' ? utf8.encode(body) : body
  const content = new Uint8Array(prefix.length + bytes.length)
  content.set(prefix)
  content.set(bytes, prefix.length)
  for (const signature of signatures.split(' ').slice(0, maxSignatures)) {
    const mac = signature.startsWith('v1,') ? fromBase64(signature.slice(3)) : undefined
    if (mac?.length !== 32) continue
    for (const key of keys) {
      if (await crypto.subtle.verify('HMAC', key, mac, content)) return { id, timestamp: new Date(Number(timestamp) * 1000) }
    }
  }
  throw refused('no signature of the request fits a secret')
}

/** Signs a request, for programs that call a route as the server does. Returns the headers. */
export async function sign(
  secret: string, request: { id: string; body: Uint8Array | string; now?: number | undefined },
): Promise<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  return signWith(await keyOf(secret), request)
}

/** `sign` with a key. */
export async function signWith(
  key: CryptoKey, { id, body, now = Date.now() }: { id: string; body: Uint8Array | string; now?: number | undefined },
): Promise<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  const timestamp = String(Math.floor(now / 1000))
  const prefix = utf8.encode(`${id}.${timestamp}.`)
  const bytes = typeof body === 'string' ? utf8.encode(body) : body
  const content = new Uint8Array(prefix.length + bytes.length)
  content.set(prefix)
  content.set(bytes, prefix.length)
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, content))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${btoa(String.fromCharCode(...mac))}`,
  }
}

const utf8 = new TextEncoder()

const refused = (text: string) => new SignatureError(text, 'signature_invalid', { status: 401 })

function header(headers: SignedHeaders, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const found = Object.keys(headers).find((key) => key.toLowerCase() === name)
  const value = found === undefined ? undefined : headers[found]
  return typeof value === 'string' ? value : value?.join(' ')
}

/** The secrets in a text, with spaces or commas between them. */
export function secretsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}

/** The key of a secret: `whsec_` and the base64 of 24 to 64 bytes. */
export async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = secret.startsWith('whsec_') ? fromBase64(secret.slice(6)) : undefined
  if (bytes === undefined || bytes.length < 24 || bytes.length > 64) {
    throw new ConfigurationError('a webhook secret must be "whsec_" and the base64 of 24 to 64 bytes', 'secret_invalid')
  }
  return hmacKey(bytes)
}

/** A key for HMAC with SHA-256. */
export function hmacKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}
