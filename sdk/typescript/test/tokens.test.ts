import { afterAll, beforeAll, expect, test } from 'vitest'
import { follow, type PublicMessage } from '../src/follow.js'
import { AuthenticationError, createClient, proxy, pull } from '../src/index.js'
import { Server } from './server.js'

let server: Server
beforeAll(async () => {
  server = await Server.start('{worker: {continuous: {queues: [nobody]}}, types: {export: {public_output: true}}}')
})
afterAll(() => server?.stop())

test('a page follows its message with a token, directly and through the proxy', async () => {
  const symphony = createClient({ url: server.url, apiKey: server.key })
  const { messageId, token } = await symphony.dispatch('export', { year: 2026 }, { token: true })
  const other = await symphony.messages.token(messageId, { ttl: '1m' })
  expect(other.token).toMatch(/^smt_/)
  expect(Date.parse(other.expiresAt)).toBeGreaterThan(Date.now())

  // One page asks the server itself, the other its application, which has no credential of its own for it.
  const route = proxy(createClient({ url: server.url }))
  const through = ((input: string, init: RequestInit) => route.GET(new Request(`http://app.test${input}`, init))) as typeof fetch
  const watch = async (messages: AsyncGenerator<PublicMessage>) => {
    const seen: PublicMessage[] = []
    for await (const m of messages) {
      seen.push(m)
      if (m.status === 'processing' && m.progress) goOn()
    }
    return seen
  }
  let goOn = () => {}
  const stop = new AbortController()
  const told = new Promise<void>((resolve) => (goOn = resolve))
  const watching = [
    watch(follow(messageId, token as string, { url: `${server.url}/api/symphony` })),
    watch(follow(messageId, other.token, { fetch: through })),
  ]
  const running = pull(symphony, {
    export: async (_, ctx) => {
      await ctx.progress(1, 2, 'half')
      await told
      return { rows: 3 }
    },
  }, { signals: false, signal: stop.signal })
  for (const seen of await Promise.all(watching)) {
    expect(seen.at(-1)).toMatchObject({ id: messageId, status: 'completed', output: { rows: 3 } })
    expect(JSON.stringify(seen)).not.toContain('2026}')
  }
  stop.abort()
  await running
  await expect(follow(messageId, 'smt_wrong', { url: `${server.url}/api/symphony` }).next()).rejects.toThrow(AuthenticationError)
})
