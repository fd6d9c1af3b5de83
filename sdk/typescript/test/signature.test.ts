import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigurationError, SignatureError, sign, verify } from '../src/index.js'

interface Vector {
  secrets: string[]
  headers: Record<string, string>
  body: string
}

// What the server sends: the Go test TestHandle_sends_what_the_vectors_say holds it to the same file.
const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../testdata/pushes.json', import.meta.url), 'utf8'))
const sent = 1_796_116_200_000
const other = 'whsec_c3ltcGhvbnktbWVzc2VuZ2VyLXRlc3Qtc2VjcmV0'

describe.each(vectors)('a push signed by the server with $secrets', ({ secrets, headers, body }) => {
  const now = sent + 1000

  test.each(secrets)('is verified with %s', async (secret) => {
    const verified = await verify({ headers, body, secrets: [other, secret], now })
    expect(verified).toEqual({ id: headers['Webhook-Id'], timestamp: new Date(sent) })
    await verify({ headers: new Headers(headers), body: new TextEncoder().encode(body), secrets: ` ${other},${secret}\n`, now })
  })

  test('is refused with another secret, and with none', async () => {
    await expect(verify({ headers, body, secrets: [other], now })).rejects.toThrow(SignatureError)
    await expect(verify({ headers, body, secrets: [], now })).rejects.toThrow(SignatureError)
  })

  test('is refused when anything of it is changed', async () => {
    for (const change of [
      { body: `${body} ` }, { body: body.replace('order', 'ordes') }, { headers: { ...headers, 'Webhook-Id': 'another' } },
      { headers: { ...headers, 'Webhook-Timestamp': '1796116201' } },
    ]) {
      await expect(verify({ headers, body, secrets, now, ...change })).rejects.toThrow('no signature of the request fits')
    }
  })

  test('is refused when it is old, or ahead', async () => {
    for (const seconds of [-301, 301]) {
      await expect(verify({ headers, body, secrets, now: sent + seconds * 1000 })).rejects.toThrow('too old, or its time')
    }
    await verify({ headers, body, secrets, now: sent + 300_000 })
    await verify({ headers, body, secrets, now: sent + 3600_000, tolerance: 3600 })
  })
})

test.each([
  {}, { 'Webhook-Id': '' }, { 'Webhook-Timestamp': '1e9' }, { 'Webhook-Timestamp': '-1' }, { 'Webhook-Timestamp': '1796116200.0' },
  { 'Webhook-Signature': '' }, { 'Webhook-Signature': 'v1' }, { 'Webhook-Signature': 'v1,' }, { 'Webhook-Signature': 'v1a,AAAA' },
  { 'Webhook-Signature': 'v2,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=' }, { 'Webhook-Signature': `v1,${'A'.repeat(10_000)}` },
])('headers such as %j are refused', async (change) => {
  const vector = vectors[0] as Vector
  const headers = Object.keys(change).length ? { ...vector.headers, ...change } : {}
  await expect(verify({ headers, body: vector.body, secrets: vector.secrets, now: sent })).rejects.toThrow(SignatureError)
})

test('no header makes it fail in another way', async () => {
  const vector = vectors[0] as Vector
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), fc.string(), async (id, timestamp, signature) => {
      const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
      await expect(verify({ headers, body: vector.body, secrets: vector.secrets, now: sent })).rejects.toThrow(SignatureError)
    }),
    { numRuns: 200 },
  )
})

test.each(['', 'whsec_', 'whsec_AAAA', 'secret', 'whsec_%%%%', `whsec_${'A'.repeat(88)}`, 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])(
  'the secret %j is refused without being repeated',
  async (secret) => {
    const error = await sign(secret, { id: 'a', body: '' }).catch((e) => e)
    expect(error).toBeInstanceOf(ConfigurationError)
    if (secret.length > 6) expect(error.message).not.toContain(secret)
  },
)

test('what is signed here is verified, with whatever body', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.uint8Array(), async (id, body) => {
      fc.pre(id !== '')
      const headers = await sign(other, { id, body, now: sent })
      expect((await verify({ headers, body, secrets: other, now: sent })).id).toBe(id)
    }),
    { numRuns: 100 },
  )
})
