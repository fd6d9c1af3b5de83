import { fromBase64 } from './base64.js'
import { ConfigurationError, SymphonyError } from './errors.js'

/** Changes payloads before they are stored, and back before a handler gets them. */
export interface Codec {
  /** The JSON object to store in the place of a payload, which is JSON, of a type. */
  encode(type: string, payload: string): string | Promise<string>
  /** The payload again. What was never encoded is returned as it is. */
  decode(type: string, stored: string): string | Promise<string>
}

/** The length of a key in bytes. */
const keySize = 32
const nonceSize = 12
const name = 'aes-gcm'

interface Derived {
  sealing: CryptoKey
  nonce: CryptoKey
}

/**
 * A codec that encrypts payloads with AES-256-GCM, in the form of the Go package `codec` (docs/codec.md): what one
 * encrypts the other decrypts. The server never sees a key.
 *
 * @param current the name of the key that encrypts.
 * @param keys 32 random bytes by name, or their base64. All of them decrypt.
 * @throws {ConfigurationError} for a key that has not 32 bytes, or a current one that is not among them.
 */
export function aesGcm(current: string, keys: Readonly<Record<string, Uint8Array | string>>): Codec {
  const secrets = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const [id, key] of Object.entries(keys)) {
    const bytes = typeof key === 'string' ? fromBase64(key) : new Uint8Array(key)
    if (bytes?.length !== keySize) {
      throw new ConfigurationError(`codec: key ${JSON.stringify(id)} must have ${keySize} bytes`, 'key_invalid')
    }
    secrets.set(id, bytes)
  }
  if (!secrets.has(current)) {
    throw new ConfigurationError(`codec: the current key ${JSON.stringify(current)} is not among the keys`, 'key_invalid')
  }
  const derived = new Map<string, Promise<Derived>>()
  const keyOf = (id: string) => {
    let key = derived.get(id)
    if (!key) derived.set(id, (key = derive(secrets.get(id) as Uint8Array<ArrayBuffer>)))
    return key
  }

  return {
    async encode(type, payload) {
      const { sealing, nonce } = await keyOf(current)
      const kind = utf8.encode(type)
      const plain = utf8.encode(payload)
      const mac = await crypto.subtle.sign('HMAC', nonce, concat(utf8.encode(`${kind.length}:`), kind, plain))
      const iv = new Uint8Array(mac).slice(0, nonceSize)
      const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: kind }, sealing, plain)
      return JSON.stringify({ $codec: name, key: current, data: toBase64(concat(iv, new Uint8Array(sealed))) })
    },

    async decode(type, stored) {
      if (!stored.includes('"$codec"')) return stored
      const { $codec, key, data } = JSON.parse(stored)
      if ($codec !== name) return stored
      if (!secrets.has(key)) {
        // Not permanent: the key may be on its way to this worker.
        throw new SymphonyError(`the payload was encrypted with the unknown key ${JSON.stringify(key)}`, 'unknown_key')
      }
      const bytes = typeof data === 'string' ? fromBase64(data) : undefined
      try {
        const { sealing } = await keyOf(key)
        const algorithm = {
          name: 'AES-GCM', iv: (bytes as Uint8Array<ArrayBuffer>).slice(0, nonceSize), additionalData: utf8.encode(type),
        }
        const plain = await crypto.subtle.decrypt(algorithm, sealing, (bytes as Uint8Array<ArrayBuffer>).slice(nonceSize))
        return new TextDecoder().decode(plain)
      } catch (cause) {
        throw new SymphonyError('the encrypted payload was changed, or is of another type', 'payload_changed', { cause })
      }
    },
  }
}

async function derive(secret: Uint8Array<ArrayBuffer>): Promise<Derived> {
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const base = await crypto.subtle.importKey('raw', secret, hmac, false, ['sign'])
  // The first block of HKDF-Expand, which is all that 32 bytes need.
  const expand = (info: string) => crypto.subtle.sign('HMAC', base, utf8.encode(`${info}\x01`))
  return {
    sealing: await crypto.subtle.importKey('raw', await expand('symphony payload encryption'), 'AES-GCM', false, ['encrypt', 'decrypt']),
    nonce: await crypto.subtle.importKey('raw', await expand('symphony payload nonce'), hmac, false, ['sign']),
  }
}

const utf8 = new TextEncoder()

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
  return btoa(text)
}
