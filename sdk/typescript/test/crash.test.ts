import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, NetworkError, OutcomeUnknownError, pull, RateLimitError } from '../src/index.js'
import { Server } from './server.js'

describe('a server that is killed and started again', () => {
  let server: Server
  beforeAll(async () => {
    server = await Server.start('worker: {continuous: {queues: [nobody]}}')
  })
  afterAll(() => server?.stop())

  test('loses no dispatch and doubles none', async () => {
    const symphony = createClient({ url: server.url, apiKey: server.key, retries: 20 })
    const stored = new Map<string, number>()
    let next = 0
    const dispatching = Array.from({ length: 8 }, async () => {
      for (let n = next++; n < 400; n = next++) {
        const { messageId } = await symphony.dispatch('numbered', { n })
        stored.set(messageId, n)
      }
    })
    for (const at of [60, 180]) {
      while (stored.size < at) await new Promise((resolve) => setTimeout(resolve, 1))
      await server.kill()
      await server.restart()
    }
    await Promise.all(dispatching)
    expect(stored.size).toBe(400)

    // What is in the queue is exactly what was answered for, each number once.
    const seen: number[] = []
    const stop = new AbortController()
    await pull(symphony, {
      numbered: (m) => {
        seen.push(m.payload.n)
        expect(stored.get(m.id)).toBe(m.payload.n)
        if (seen.length === 400) stop.abort()
      },
    }, { concurrency: 50, signals: false, signal: stop.signal })
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, n) => n))
    expect((await symphony.status()).queue).toMatchObject({ depth: 0, completed: 400 })
  })

  test('keeps a pull worker going', async () => {
    const symphony = createClient({ url: server.url, apiKey: server.key, retries: 20 })
    const stop = new AbortController()
    const told: string[] = []
    const seen: number[] = []
    const running = pull(symphony, { after: (m) => void seen.push(m.payload.n) }, {
      signals: false, signal: stop.signal, onError: (_, what) => told.push(what),
    })
    await symphony.wait((await symphony.dispatch('after', { n: 1 })).messageId)
    await server.kill()
    await server.restart()
    await symphony.wait((await symphony.dispatch('after', { n: 2 })).messageId)
    stop.abort()
    await running
    expect(seen).toEqual([1, 2])
    expect(told).toContain('receiving messages failed; it is tried again')
  })
})

describe('answers that leave it open', () => {
  /** Calls a server that answers what it is told, and returns the keys and the error. */
  async function dispatch(answers: ([number, string] | 'hang up')[], options: { retries?: number; key?: string }) {
    const keys: unknown[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk)).on('end', () => {
        keys.push(JSON.parse(body).options.idempotencyKey)
        const answer = answers.shift() ?? [201, '']
        if (answer === 'hang up') return request.socket.destroy()
        response.writeHead(answer[0], { 'content-type': 'application/json', 'retry-after': '0' })
        response.end(JSON.stringify(answer[0] < 300 ? { messageId: 'a' } : { error: 'as told', code: answer[1] }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const symphony = createClient({ url: `http://127.0.0.1:${port}`, apiKey: 'k', retries: options.retries ?? 2 })
    const error = await symphony
      .dispatch('order.paid', {}, { idempotencyKey: options.key })
      .then(() => undefined, (e) => e)
    server.closeAllConnections()
    server.close()
    return { keys, error }
  }

  test('are repeated under one key that the client makes', async () => {
    const { keys, error } = await dispatch(['hang up', [503, 'outcome_unknown']], {})
    expect(error).toBeUndefined()
    expect(keys).toHaveLength(3)
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(keys).size).toBe(1)
  })

  test('are repeated under the key that is given', async () => {
    expect((await dispatch([[503, 'outcome_unknown']], { key: 'order-42' })).keys).toEqual(['order-42', 'order-42'])
  })

  test('are repeated as often as the client may, no more', async () => {
    const { keys, error } = await dispatch(Array(9).fill([503, 'outcome_unknown']), {})
    expect(keys).toHaveLength(3)
    expect(error).toBeInstanceOf(OutcomeUnknownError)
  })

  test('are not repeated without retries, and no key is made', async () => {
    const { keys, error } = await dispatch(['hang up'], { retries: 0 })
    expect(keys).toEqual([undefined])
    expect(error).toBeInstanceOf(NetworkError)
    expect((await dispatch([[429, 'rate_limited']], { retries: 0 })).error).toBeInstanceOf(RateLimitError)
  })

  test.each([[400, 'validation_failed'], [401, 'api_key_invalid'], [409, 'idempotency_conflict'], [500, 'internal_error']])(
    'a %d is told at once', async (status, code) => {
      const { keys, error } = await dispatch([[status, code]], {})
      expect(keys).toHaveLength(1)
      expect(error).toMatchObject({ status, code, message: expect.stringContaining('as told') })
    },
  )

  test.each([[429, 'rate_limited'], [503, 'storage_unavailable'], [503, 'overloaded']])('a %d %s is repeated', async (status, code) => {
    expect((await dispatch([[status, code]], {})).keys).toHaveLength(2)
  })
})
