import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aesGcm } from '../src/codec.js'

// The Go test TestAESGCM_keeps_its_form holds the same text.
const stored = '{"$codec":"aes-gcm","key":"k","data":"6Ot07Lpzzq23fIPw+a2XmMWDMYGZGxTKCjoZbnYDmWR2Nqc="}'
const key = (letter: string) => new TextEncoder().encode(letter.repeat(32))

test('what is encrypted here is what Go encrypts, and the other way about', async () => {
  const codec = aesGcm('k', { k: key('k') })
  expect(await codec.encode('Mail', '{"n":1}')).toBe(stored)
  expect(await codec.decode('Mail', stored)).toBe('{"n":1}')
  expect(await aesGcm('k', { k: btoa('k'.repeat(32)) }).decode('Mail', stored)).toBe('{"n":1}')
})

test('what was changed, or belongs to another type, is refused; an unknown key may still come', async () => {
  const codec = aesGcm('k', { k: key('k') })
  for (const [type, text] of [['Mai', stored], ['Mail', stored.replace('6Ot0', '6Ot1')], ['Mail', stored.replace(/"data":".*"/, '"data":"AAAA"')]]) {
    await expect(codec.decode(type as string, text as string)).rejects.toMatchObject({ code: 'payload_changed' })
  }
  await expect(aesGcm('j', { j: key('j') }).decode('Mail', stored)).rejects.toMatchObject({ code: 'unknown_key' })
})

test('what was never encrypted stays as it is', async () => {
  const codec = aesGcm('k', { k: key('k') })
  for (const text of ['{"n":1}', '{"$codec":"zip"}', '{"text":"\\"$codec\\""}']) expect(await codec.decode('Mail', text)).toBe(text)
})

test('keys are checked when the codec is made', () => {
  expect(() => aesGcm('k', { k: new Uint8Array(31) })).toThrow('32 bytes')
  expect(() => aesGcm('k', { j: key('j') })).toThrow('not among the keys')
})

test('a rotated key gives back whatever it was given', async () => {
  const old = aesGcm('a', { a: key('a') })
  const both = aesGcm('b', { a: key('a'), b: key('b') })
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }), fc.object(), async (type, value) => {
      const payload = JSON.stringify({ value })
      expect(await both.decode(type, await old.encode(type, payload))).toBe(payload)
      expect(await both.decode(type, await both.encode(type, payload))).toBe(payload)
    }),
    { numRuns: 30 },
  )
})
