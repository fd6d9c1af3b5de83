import { createServer, type Server as HttpServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  AuthenticationError, ConflictError, createClient, defineMessages, type Handlers, MessageCancelledError, MessageFailedError,
  NotFoundError, permanent, pull, type PullOptions, RawJson, retryAfter, serve, sign, ValidationError, WaitTimeoutError,
} from '../src/index.js'
import { listener } from '../src/node.js'
import { Server } from './server.js'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

const messages = defineMessages({
  'order.paid': { payload: z.object({ order: z.number() }), output: z.object({ charged: z.boolean() }) },
  'mail.welcome': z.object({ to: z.string() }),
  'report.made': z.object({ month: z.string().optional() }),
  'push.order': { payload: z.object({ order: z.number() }), output: z.object({ charged: z.boolean() }) },
  'push.report': z.object({}),
})

let server: Server
let route: HttpServer
let symphony: ReturnType<typeof connect>

const connect = (key: string) => createClient({ messages, url: server.url, apiKey: key })

/** Handlers of the route, which each test sets for itself. */
const pushed: { -readonly [K in 'push.order' | 'push.report']?: Handlers<typeof messages>[K] } = {}

beforeAll(async () => {
  let handle = listener({ POST: async () => new Response(null, { status: 503 }) })
  route = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => route.listen(0, '127.0.0.1', resolve))
  const { port } = route.address() as { port: number }
  server = await Server.start(`
worker: {continuous: {queues: [push]}} # the others are those of pull
types: {"*": {retry: {initial_delay: 50ms, max_delay: 50ms, max_retries: 2}}}
handlers:
  - type: push.*
    http: {url: "http://127.0.0.1:${port}/api/symphony", secrets: ["${secret}"]}
    keep_output: true
`)
  symphony = connect(server.key)
  handle = listener(
    serve(symphony, {
      'push.order': (m, ctx) => pushed['push.order']?.(m, ctx) as never,
      'push.*': (m, ctx) => pushed['push.report']?.(m as never, ctx),
    }, { secrets: [secret] }),
  )
})

afterAll(async () => {
  await server?.stop()
  route?.closeAllConnections()
  await new Promise((resolve) => route?.close(resolve))
})

/** Runs a pull worker on a queue of its own for as long as `during` takes. */
async function pulling(queue: string, handlers: Handlers<typeof messages>, during: () => Promise<void>, options: PullOptions = {}) {
  const stop = new AbortController()
  const told: string[] = []
  const running = pull(symphony, handlers, {
    queues: [queue], wait: 500, signals: false, signal: stop.signal, onError: (_, what) => told.push(what), ...options,
  })
  try {
    await during()
  } finally {
    stop.abort()
    await running
  }
  return told
}

describe('dispatch', () => {
  test('answers where the message is, and it can be looked at', async () => {
    const receipt = await symphony.dispatch('mail.welcome', { to: 'ada@example.com' }, { delay: '15m', priority: 7, tags: ['a'] })
    expect(receipt).toMatchObject({ transport: 'default', queue: 'default', scheduledAt: expect.any(String) })
    const message = await symphony.get(receipt.messageId)
    expect(message).toMatchObject({ status: 'pending', priority: 7, tags: ['a'], message: { payload: { to: 'ada@example.com' } } })
    const due = Date.parse(message.availableAt as string) - Date.parse(message.createdAt)
    expect(due).toBeGreaterThan(899_000)
    expect((await symphony.edit(receipt.messageId, { priority: 3, scheduledAt: null })).priority).toBe(3)
    await symphony.messages.delete(receipt.messageId)
    await expect(symphony.get(receipt.messageId)).rejects.toThrow(NotFoundError)
  })

  test('the same key makes one message, and conflicts with another payload', async () => {
    const first = await symphony.dispatch('mail.welcome', { to: 'a' }, { idempotencyKey: 'welcome-a', delay: '1h' })
    const again = await symphony.dispatch('mail.welcome', { to: 'a' }, { idempotencyKey: 'welcome-a', delay: '1h' })
    expect(again).toMatchObject({ messageId: first.messageId, duplicate: true })
    const conflict = symphony.dispatch('mail.welcome', { to: 'b' }, { idempotencyKey: 'welcome-a' })
    await expect(conflict).rejects.toThrow(ConflictError)
    await expect(conflict).rejects.toMatchObject({ code: 'idempotency_conflict', status: 409, requestId: expect.any(String) })
  })

  test('a payload that does not fit its schema is refused with its path, and nothing is sent', async () => {
    const error = await symphony.dispatch('order.paid', { order: '42' } as never).catch((e) => e)
    expect(error).toBeInstanceOf(ValidationError)
    expect(error).toMatchObject({ status: 0, problems: [{ path: 'message.payload.order', message: expect.any(String) }] })
    await expect(symphony.dispatch('order.made' as never, {} as never)).rejects.toThrow('message.type is not declared')
  })

  test('what the server refuses is told with every problem', async () => {
    const error = await symphony.dispatch('order.paid', { order: 1 }, { priority: 11, queue: '' }).catch((e) => e)
    expect(error).toMatchObject({ name: 'ValidationError', status: 400, code: 'validation_failed' })
    expect(error.problems.map((p: { path: string }) => p.path)).toContain('options.priority')
  })

  test('many at a time are all stored or none', async () => {
    const receipts = await symphony.dispatchMany([
      { type: 'order.paid', payload: { order: 1 }, options: { queue: 'many', delay: '1h' } },
      { type: 'mail.welcome', payload: { to: 'a' }, options: { queue: 'many', delay: '1h' } },
    ])
    expect(new Set(receipts.map((r) => r.messageId)).size).toBe(2)
    const error = await symphony
      .dispatchMany([{ type: 'order.paid', payload: { order: 1 } }, { type: 'order.paid', payload: { order: 'x' as never } }])
      .catch((e) => e)
    expect(error.problems).toEqual([{ path: 'messages[1].message.payload.order', message: expect.any(String) }])
    await expect(symphony.dispatchMany([])).rejects.toThrow('1 to 1000')
    const listed = []
    for await (const m of symphony.messages.list({ queue: 'many', limit: 1 })) listed.push(m.id)
    expect(listed.sort()).toEqual(receipts.map((r) => r.messageId).sort())
  })

  test('large numbers keep their digits as RawJson', async () => {
    const client = createClient({ url: server.url, apiKey: server.key })
    const raw = '{"n":12345678901234567890.10}'
    const { messageId } = await client.dispatch('ledger.booked', new RawJson(raw), { queue: 'raw' })
    const seen: string[] = []
    const stop = new AbortController()
    const running = pull(client, { '*': (m) => void seen.push(m.raw) }, { queues: ['raw'], wait: 0, signals: false, signal: stop.signal })
    await client.get(messageId, { wait: '10s' })
    stop.abort()
    await running
    expect(seen).toContain(raw)
    await expect(client.dispatch('ledger.booked', { n: 1n })).rejects.toThrow('RawJson')
  })

  test('a wrong key is told as such', async () => {
    await expect(connect('sym_wrong').dispatch('order.paid', { order: 1 })).rejects.toThrow(AuthenticationError)
  })
})

describe('pull', () => {
  test('handles, leaves outputs, and tells progress and logs', async () => {
    const { messageId } = await symphony.dispatch('order.paid', { order: 42 }, { queue: 'p1', correlationId: 'story' })
    let during: Awaited<ReturnType<typeof symphony.get>> | undefined
    const told = await pulling('p1', {
      'order.paid': async (m, ctx) => {
        await ctx.progress(1, 3, 'one third')
        during = await symphony.get(m.id)
        const next = await ctx.dispatch('mail.welcome', { to: `${m.payload.order}` }, { queue: 'p1-next', delay: '1h' })
        expect(await symphony.get(next.messageId)).toMatchObject({ correlationId: 'story', causationId: m.id })
        return { charged: true }
      },
    }, async () => {
      const out = await symphony.wait(messageId)
      expect(out.charged).toBe(true)
    })
    expect(during).toMatchObject({ status: 'processing', progress: { done: 1, total: 3, text: 'one third' } })
    expect(told).toEqual([])
  })

  test('retries what throws, and gives up what is permanent', async () => {
    const retried = await symphony.dispatch('mail.welcome', { to: 'a' }, { queue: 'p2' })
    const broken = await symphony.dispatch('order.paid', { order: 0 }, { queue: 'p2' })
    const unknown = await symphony.dispatch('report.made', {}, { queue: 'p2' })
    class CardExpired extends Error {
      override name = 'CardExpired'
    }
    await pulling('p2', {
      'mail.*': (m, ctx) => {
        ctx.log('attempt', m.attempt, { to: m.payload.to })
        if (m.attempt === 1) throw new Error('the mail server is away')
        if (m.attempt === 2) throw retryAfter(new Error('again'), '20ms')
      },
      'order.paid': () => {
        throw permanent(new CardExpired('the card is expired'))
      },
    }, async () => {
      await symphony.wait(retried.messageId)
      const failed = await symphony.wait(broken.messageId).catch((e) => e)
      expect(failed).toBeInstanceOf(MessageFailedError)
      expect(failed.details).toMatchObject({ error: 'the card is expired', errorClass: 'CardExpired', attempt: 1 })
      await expect(symphony.wait(unknown.messageId)).rejects.toMatchObject({ details: { errorClass: 'no_handler' } })
    })
    const { attempts } = await symphony.get(retried.messageId)
    expect(attempts).toMatchObject([
      { error: 'the mail server is away', log: ['attempt 1 {"to":"a"}'] }, { error: 'again', log: ['attempt 2 {"to":"a"}'] },
    ])
    // A corrected retry of the dead letter is a new message, and who waits for the old one gets its end.
    const { messageId } = await symphony.failed.retry(broken.messageId, { payload: { order: 1 } })
    await pulling('p2', { 'order.paid': (m) => ({ charged: m.payload.order === 1 }) }, async () => {
      expect(await symphony.wait(messageId)).toEqual({ charged: true })
      expect(await symphony.wait(broken.messageId)).toEqual({ charged: true })
    })
    for await (const f of symphony.failed.list({ queue: 'p2' })) await symphony.failed.delete(f.id)
  })

  test('ends the work on a message that is cancelled', async () => {
    const { messageId } = await symphony.dispatch('report.made', {}, { queue: 'p3' })
    let reason: unknown
    const told = await pulling('p3', {
      'report.made': (_, ctx) => new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject((reason = ctx.signal.reason)))
        void symphony.cancel(messageId, { reason: 'ordered twice' })
      }),
    }, async () => {
      await expect(symphony.wait(messageId)).rejects.toThrow(MessageCancelledError)
    }, { lease: '1s' })
    expect(reason).toBeInstanceOf(MessageCancelledError)
    expect(await symphony.get(messageId)).toMatchObject({ status: 'cancelled', cancel: { reason: 'ordered twice' } })
    expect(told).toEqual([])
    await expect(symphony.cancel(messageId)).rejects.toMatchObject({ code: 'message_final' })
  })

  test('keeps leases of what takes longer', async () => {
    const { messageId } = await symphony.dispatch('report.made', {}, { queue: 'p4' })
    let runs = 0
    await pulling('p4', {
      'report.made': async () => {
        runs++
        await new Promise((resolve) => setTimeout(resolve, 1800))
      },
    }, async () => void (await symphony.wait(messageId)), { lease: '1s', concurrency: 2 })
    expect(runs).toBe(1)
  })

  test('gives back what does not end within the grace', async () => {
    const { messageId } = await symphony.dispatch('report.made', {}, { queue: 'p5' })
    const stop = new AbortController()
    const running = pull(symphony, {
      'report.made': (_, ctx) => new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
        stop.abort()
      }),
    }, { queues: ['p5'], signals: false, signal: stop.signal, grace: 50 })
    await running
    expect(await symphony.get(messageId)).toMatchObject({ status: 'pending', attempt: 0 })
  })

  test('completes without an output that is too large', async () => {
    const small = await symphony.dispatch('report.made', {}, { queue: 'p6' })
    const large = await symphony.dispatch('report.made', { month: 'all' }, { queue: 'p6' })
    const told = await pulling('p6', { 'report.made': (m) => (m.payload.month ? 'x'.repeat(100_000) : 'small') }, async () => {
      expect(await symphony.wait(small.messageId)).toBe('small')
      expect(await symphony.wait(large.messageId)).toBeUndefined()
    })
    expect(told).toEqual(['outputs were too large; their messages are completed without'])
  })

  test('handles many, each once', async () => {
    const n = 500
    await symphony.dispatchMany(Array.from({ length: n }, (_, order) => ({ type: 'order.paid', payload: { order }, options: { queue: 'p7' } })))
    const seen: number[] = []
    await pulling('p7', {
      'order.paid': (m) => {
        seen.push(m.payload.order)
        return { charged: true }
      },
    }, async () => {
      while ((await symphony.status()).queues['p7']?.depth !== 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }, { concurrency: 50 })
    expect(seen.length).toBe(n)
    expect(new Set(seen).size).toBe(n)
  })

  test('ends with the error of a key that is wrong', async () => {
    await expect(pull(connect('sym_wrong'), {}, { signals: false })).rejects.toThrow(AuthenticationError)
  })
})

describe('serve', () => {
  test('handles a push, and its answer is the output', async () => {
    pushed['push.order'] = async (m, ctx) => {
      await ctx.progress(1, 2)
      ctx.log('charging', m.payload.order)
      return { charged: m.attempt === 1 }
    }
    const { messageId } = await symphony.dispatch('push.order', { order: 42 }, { queue: 'push' })
    const out = await symphony.wait(messageId)
    expect(out.charged).toBe(true)
    expect(await symphony.get(messageId)).toMatchObject({ progress: { done: 1, total: 2 } })
  })

  test('retries what throws, and gives up what is permanent', async () => {
    pushed['push.report'] = (m, ctx) => {
      ctx.log('attempt', m.attempt)
      if (m.attempt === 1) throw new TypeError('it is not there yet')
      throw permanent('it never will be')
    }
    const { messageId } = await symphony.dispatch('push.report', {}, { queue: 'push' })
    await expect(symphony.wait(messageId)).rejects.toMatchObject({ details: { error: 'it never will be', errorClass: 'Error' } })
    expect((await symphony.get(messageId)).attempts).toMatchObject([
      { errorClass: 'TypeError', error: 'it is not there yet', log: ['attempt 1'] }, { log: ['attempt 2'] },
    ])
  })

  test('ends the work on a message that is cancelled', async () => {
    const ended = new Promise<unknown>((resolve) => {
      pushed['push.report'] = (m, ctx) => new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => {
          resolve(ctx.signal.reason)
          reject(ctx.signal.reason)
        })
        void symphony.cancel(m.id)
      })
    })
    const { messageId } = await symphony.dispatch('push.report', {}, { queue: 'push' })
    expect(await ended).toBeInstanceOf(Error)
    await expect(symphony.wait(messageId)).rejects.toThrow(MessageCancelledError)
  })

  const nonsense: [string, RequestInit, number][] = [
    ['nothing', { method: 'POST' }, 401],
    ['no signature', { method: 'POST', body: '{}' }, 401],
    ['a GET without a signature', { method: 'GET' }, 401],
    ['another method', { method: 'PUT', body: '{}' }, 405],
    ['a signature that is none', { method: 'POST', body: '{}', headers: { 'webhook-id': 'a', 'webhook-timestamp': '1', 'webhook-signature': 'v1,a' } }, 401],
    ['more than is allowed', { method: 'POST', body: 'x'.repeat(17 << 20) }, 413],
  ]
  test.each(nonsense)('refuses %s', async (_, init, status) => {
    const { port } = route.address() as { port: number }
    const answer = await fetch(`http://127.0.0.1:${port}/api/symphony`, init)
    expect(answer.status).toBe(status)
    expect(await answer.text()).not.toContain('push.order')
  })

  test.each(['', '[]', '{"id":', '{"id":1,"type":"push.order"}', 'null', '\xff'])('refuses the signed body %j for good', async (body) => {
    const { port } = route.address() as { port: number }
    const headers = await sign(secret, { id: 'a', body })
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers: { ...headers } })
    expect(answer.status).toBe(400)
  })

  test('tells its patterns to who has a secret or the key', async () => {
    const { port } = route.address() as { port: number }
    const ask = async (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/`, { headers })
    expect(await (await ask(await sign(secret, { id: 'types', body: '' }))).json()).toEqual({ types: ['push.*', 'push.order'] })
    expect((await ask(await sign(secret, { id: 'a', body: '' }))).status).toBe(401)
    expect((await ask(await sign('whsec_c3ltcGhvbnktbWVzc2VuZ2VyLXRlc3Qtc2VjcmV0', { id: 'types', body: '' }))).status).toBe(401)
    expect((await ask({ authorization: `Bearer ${server.key}` })).status).toBe(401)
  })
})

describe('wait', () => {
  test('gives up after its timeout', async () => {
    const { messageId } = await symphony.dispatch('report.made', {}, { delay: '1h' })
    const error = await symphony.wait(messageId, { timeout: '50ms' }).catch((e) => e)
    expect(error).toBeInstanceOf(WaitTimeoutError)
    expect(error).toMatchObject({ details: { status: 'pending' } })
  })

  test('ends with its signal', async () => {
    const { messageId } = await symphony.dispatch('report.made', {}, { delay: '1h' })
    await expect(symphony.wait(messageId, { signal: AbortSignal.timeout(50) })).rejects.toThrow('aborted')
  })
})

test('any route can be called', async () => {
  const { holds } = await symphony.request('GET', '/api/symphony/holds')
  expect(holds).toEqual([])
  const { messageId } = await symphony.dispatch('report.made', {}, { delay: '1h' })
  const { message } = await symphony.request('GET', '/api/symphony/messages/{id}', { path: { id: messageId } })
  expect(message.status).toBe('pending')
  await expect(symphony.request('GET', '/api/symphony/messages/{id}', { path: { id: '..' } })).rejects.toThrow(ValidationError)
})
