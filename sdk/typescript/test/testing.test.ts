import { expect, test } from 'vitest'
import { z } from 'zod'
import { ConflictError, defineMessages, MessageFailedError, permanent, retryAfter, SymphonyError } from '../src/index.js'
import { aesGcm } from '../src/codec.js'
import { testClient } from '../src/testing.js'

const messages = defineMessages({
  'order.paid': { payload: z.object({ order: z.number() }), output: z.object({ charged: z.boolean() }) },
  'mail.receipt': z.object({ order: z.number() }),
  'report.made': z.object({}),
})
const client = () => testClient({ messages })

test('what was dispatched can be looked at', async () => {
  const s = client()
  await s.dispatch('order.paid', { order: 42 }, { delay: '15m', tags: ['a'] })
  expect(s.dispatched('order.paid')).toEqual([{ order: 42 }])
  expect(s.dispatched('mail.receipt')).toEqual([])
  expect(s.dispatches()).toMatchObject([{ type: 'order.paid', options: { delay: 900_000, tags: ['a'] }, status: 'pending' }])
  await expect(s.dispatch('order.paid', { order: 'x' as never })).rejects.toThrow('message.payload.order')
})

test('an outage is gone through without waiting', async () => {
  const s = client()
  const begun = s.now()
  const { messageId } = await s.dispatch('order.paid', { order: 7 }, { maxRetries: 5, retryDelay: ['1m', '10m'] })
  const out = s.wait(messageId)
  let outage = 3
  const attempts = await s.drain({
    'order.paid': async (m, ctx) => {
      await ctx.progress(m.attempt, 4)
      if (--outage >= 0) throw new Error('the bank is away')
      await ctx.dispatch('mail.receipt', { order: m.payload.order })
      return { charged: true }
    },
    'mail.*': (m, ctx) => {
      ctx.log('to', m.payload.order)
      if (m.attempt === 1) throw retryAfter('later', '1h')
    },
  })
  expect(attempts).toBe(6)
  expect((await out).charged).toBe(true)
  expect(s.now().getTime() - begun.getTime()).toBe(60_000 + 600_000 + 600_000 + 3_600_000)
  expect(await s.get(messageId)).toMatchObject({ status: 'completed', progress: { done: 4, total: 4 }, attempt: 4 })
  expect(s.dispatches()[1]).toMatchObject({ options: { causationId: messageId, correlationId: messageId } })
})

test('what is permanent is a dead letter, and is corrected', async () => {
  const s = client()
  const { messageId } = await s.dispatch('order.paid', { order: -1 }, { onFailure: { type: 'report.made', payload: { a: 1 } } })
  const handlers = {
    'order.paid': (m: { payload: { order: number } }) => {
      if (m.payload.order < 0) throw permanent('there is no such order')
      return { charged: true }
    },
    'report.made': () => {},
  }
  await s.drain(handlers)
  await expect(s.wait(messageId)).rejects.toThrow(MessageFailedError)
  expect(s.dispatched('report.made')).toMatchObject([{ a: 1, source: { messageId, status: 'failed', error: 'there is no such order' } }])
  const next = await s.failed.retry(messageId, { payload: { order: 1 } })
  await s.drain(handlers)
  expect(await s.wait(next.messageId)).toEqual({ charged: true })
  const left = []
  for await (const f of s.failed.list()) left.push(f)
  expect(left).toEqual([])
})

test('keys, cancelling, editing and time are as on the server', async () => {
  const s = client()
  const first = await s.dispatch('report.made', {}, { idempotencyKey: 'a', delay: '1h' })
  expect(await s.dispatch('report.made', {}, { idempotencyKey: 'a' })).toMatchObject({ messageId: first.messageId, duplicate: true })
  await expect(s.dispatch('mail.receipt', { order: 1 }, { idempotencyKey: 'a' })).rejects.toThrow(ConflictError)
  expect(await s.work({ '*': () => {} })).toBe(0)
  s.advance(3_600_000)
  expect(await s.work({ '*': () => {} })).toBe(1)
  const second = await s.dispatch('mail.receipt', { order: 1 }, { delay: '1h' })
  await s.edit(second.messageId, { payload: { order: 2 }, scheduledAt: null })
  await s.cancel(second.messageId)
  expect(await s.drain({ '*': () => {} })).toBe(0)
  expect(await s.get(second.messageId)).toMatchObject({ status: 'cancelled', message: { payload: { order: 2 } } })
  await expect(s.status()).rejects.toThrow(SymphonyError)
})

test('handlers that dispatch without end are an error', async () => {
  const s = client()
  await s.dispatch('report.made', {})
  const again = s.drain({ 'report.made': async (_, ctx) => void (await ctx.dispatch('report.made', {})) }, { maxAttempts: 50 })
  await expect(again).rejects.toThrow('50 attempts were made')
})

test('validate refuses what does not fit, and a codec is used', async () => {
  const s = testClient({ messages, codec: aesGcm('k', { k: new Uint8Array(32) }) })
  const { messageId } = await s.dispatch('mail.receipt', { order: 1 })
  expect(JSON.stringify(s.dispatched('mail.receipt'))).not.toContain('order')
  const seen: unknown[] = []
  await s.drain({ 'mail.receipt': (m) => void seen.push(m.payload, m.raw) }, { validate: true })
  expect(seen).toEqual([{ order: 1 }, '{"order":1}'])
  await s.wait(messageId)
  const other = testClient()
  const bad = await other.dispatch('mail.receipt', { order: 'x' })
  await other.drain({ 'mail.receipt': () => {} }, { validate: true })
  await other.wait(bad.messageId) // nothing is declared, so nothing is checked
})
