import { createServer, type ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { follow } from '../src/follow.js'
import { AuthenticationError } from '../src/index.js'

/** Answers as the contract of the public routes has it, and lets the test say what happens. */
async function publicRoutes() {
  const state = { message: { id: 'm', status: 'pending' } as Record<string, unknown>, streams: [] as ServerResponse[], begun: () => {} }
  const server = createServer((request, response) => {
    if (request.headers.authorization !== 'Bearer smt_a') {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"no","code":"token_invalid"}')
    } else if (request.url === '/api/symphony/messages/m/public') {
      response.end(JSON.stringify({ success: true, message: state.message }))
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n')
      state.streams.push(response)
      state.begun()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/api/symphony`,
    next: () => new Promise<void>((resolve) => (state.begun = resolve)),
    happens(message: object) {
      state.message = { ...state.message, ...message }
      for (const s of state.streams) s.write('event: message.progress\ndata: {}\n\n')
    },
    cut: () => state.streams.splice(0).forEach((s) => s.destroy()),
    close: () => server.close(),
  }
}

test('a message is followed until it has ended, also when the connection breaks', async () => {
  const routes = await publicRoutes()
  let stream = routes.next()
  const seen: unknown[] = []
  const following = (async () => {
    for await (const m of follow('m', 'smt_a', { url: routes.url })) seen.push(m.status, m.progress?.done)
  })()
  await stream
  routes.happens({ status: 'processing', progress: { done: 1 } })
  while (seen.length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
  stream = routes.next()
  routes.cut()
  await stream
  routes.happens({ status: 'completed', progress: { done: 2 } })
  await following
  routes.close()
  expect(seen).toEqual(['pending', undefined, 'processing', 1, 'completed', 2])
})

test('a wrong token is told, and the signal ends it', async () => {
  const routes = await publicRoutes()
  await expect(follow('m', 'smt_b', { url: routes.url }).next()).rejects.toThrow(AuthenticationError)
  const stop = new AbortController()
  const stream = routes.next()
  const following = (async () => {
    for await (const _ of follow('m', 'smt_a', { url: routes.url, signal: stop.signal }));
  })()
  await stream
  stop.abort()
  await following
  routes.close()
})
