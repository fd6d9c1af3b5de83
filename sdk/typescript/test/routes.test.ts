import { createHmac } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import expressApp, { json } from 'express'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createClient, cron, proxy, serve, sign } from '../src/index.js'
import { express } from '../src/express.js'
import { listener } from '../src/node.js'
import { page } from '../src/next.js'
import { Server } from './server.js'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const jwtSecret = 'a-secret-of-supabase-that-is-long-enough'
let server: Server
let symphony: ReturnType<typeof createClient>

beforeAll(async () => {
  server = await Server.start(
    `
cron: {secret: of-the-cron-service}
supabase: {url: "https://shop.supabase.co", jwt_secret: ${jwtSecret}}
`,
    ['--no-worker'],
  )
  symphony = createClient({ url: server.url, apiKey: server.key })
})
afterAll(() => server?.stop())

/** The access token of a user, as Supabase makes it. */
function userToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 600
  const claims = { sub: 'ada', role: 'authenticated', aud: 'authenticated', iss: 'https://shop.supabase.co/auth/v1', exp }
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', jwtSecret).update(text).digest('base64url')}`
}

describe('cron', () => {
  const call = (secret: string | undefined, o = {}) =>
    cron(symphony, { secret: 'of-the-cron-service', ...o }).GET(
      new Request('http://app.test/api/cron/symphony', secret === undefined ? {} : { headers: { authorization: `Bearer ${secret}` } }),
    )

  test('has the server fire what is due, and handle what waits', async () => {
    await symphony.dispatch('demo.hello', { name: 'Ada' })
    const answer = await call('of-the-cron-service')
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ success: true, scheduler: { fired: 0 }, worker: { processed: 1 } })
  })

  test.each([undefined, '', 'of-the-crom-service', `of-the-cron-service `.repeat(2)])('refuses the secret %j', async (shown) => {
    expect((await call(shown)).status).toBe(401)
  })

  test('is never open', async () => {
    expect((await call('', { secret: undefined })).status).toBe(503)
  })

  test('tells what the server refuses', async () => {
    const answer = await call('another', { secret: 'another' })
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'cron_secret_invalid' })
  })
})

describe('proxy', () => {
  const app = 'https://shop.test'
  const handed: string[] = []
  const watching = () => createClient({
    url: server.url, apiKey: server.key, fetch: (input, init) => {
      handed.push(JSON.stringify([String(input), init?.headers]))
      return fetch(input, init)
    },
  })
  const call = (method: string, path: string, headers: Record<string, string> = {}, body?: object, o = {}) => {
    handed.length = 0
    const route = proxy(watching(), o)
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
    return route[method as 'GET'](new Request(`${app}/api/symphony/${path}`, init))
  }
  const message = { message: { type: 'demo.hello', payload: {} } }
  const cookie = () => ({ cookie: `theme=dark; sb-access-token=${userToken()}; session=of-the-app` })

  test('makes calls with what the caller has shown', async () => {
    const answer = await call('POST', 'dispatch', { authorization: `Bearer ${userToken()}` }, message)
    expect(answer.status).toBe(201)
    const { messageId } = await answer.json()
    expect(await symphony.get(messageId)).toMatchObject({ dispatchedBy: 'user:ada' })
    expect((await call('GET', 'status?transport=default', { 'x-api-key': server.key })).status).toBe(200)
  })

  test('never lends its own key', async () => {
    for (const [method, path, headers] of [
      ['GET', 'status', {}], ['POST', 'dispatch', {}], ['GET', 'failed', { authorization: 'Bearer wrong' }], ['GET', 'messages', { cookie: 'session=of-the-app' }],
    ] as const) {
      const answer = await call(method, path, headers, method === 'POST' ? message : undefined)
      expect(answer.status).toBe(401)
      expect(handed.join()).not.toContain(server.key)
    }
  })

  test('takes cookies from pages of the application, and only those of Supabase', async () => {
    const answer = await call('POST', 'dispatch', { ...cookie(), origin: app }, message)
    expect(answer.status).toBe(201)
    expect(handed.join()).not.toMatch(/theme=|session=/)
    expect((await call('GET', 'status', cookie())).status).toBe(200)
    expect((await call('POST', 'dispatch', { ...cookie(), origin: 'https://other.test' }, message, { origins: ['https://other.test'] })).status).toBe(201)
  })

  test.each([undefined, 'https://evil.test', 'null', 'https://shop.test.evil.test', 'https://shop.test:444', ''])(
    'refuses cookies from the origin %j', async (origin) => {
      const answer = await call('POST', 'dispatch', { ...cookie(), ...(origin !== undefined && { origin }) }, message)
      expect(answer.status).toBe(403)
      expect(handed).toEqual([])
    },
  )

  test.each([
    ['GET', 'keys'], ['POST', 'purge'], ['GET', 'audit'], ['GET', 'config'], ['POST', 'keys'], ['POST', 'failed/retry'], ['GET', 'messages/export'], ['GET', 'messages/counts'], ['GET', 'failed/groups'],
    ['DELETE', 'failed'], ['GET', ''], ['GET', 'failed/%2e%2e%2fkeys'], ['GET', 'failed/..%2fkeys'], ['GET', 'failed/a%2Fretry'],
    ['GET', 'failed/%5c..%5ckeys'], ['GET', 'failed/../keys'], ['GET', 'failed//keys'], ['GET', 'status/'], ['PUT', 'dispatch'],
  ])('does not hand on %s %s', async (method, path) => {
    const answer = await call(method, path, { 'x-api-key': server.key, origin: app }, method === 'GET' ? undefined : {})
    expect(answer.status).toBe(404)
    expect(handed).toEqual([])
  })

  test('lends its key where the application says so, on the routes that it names', async () => {
    const o = {
      routes: ['POST dispatch', 'GET messages/*'],
      authorize: (request: Request) => request.headers.get('cookie') === 'session=ada',
    }
    const headers = { cookie: 'session=ada', origin: app }
    expect((await call('POST', 'dispatch', headers, message, o)).status).toBe(201)
    expect((await call('POST', 'dispatch', { ...headers, cookie: 'session=eve' }, message, o)).status).toBe(401)
    expect((await call('POST', 'dispatch', { ...headers, origin: 'https://evil.test' }, message, o)).status).toBe(403)
    expect((await call('GET', 'status', headers, undefined, o)).status).toBe(404)
    expect(() => proxy(symphony, { authorize: () => true })).toThrow('name the routes')
  })

  test('refuses other pages whatever the browser adds by itself', async () => {
    const authorize = (request: Request) => request.headers.get('authorization') !== null
    const o = { routes: ['POST dispatch'], authorize }
    const basic = { authorization: `Basic ${btoa('ada:secret')}` }
    expect((await call('POST', 'dispatch', { ...basic, origin: app }, message, o)).status).toBe(201)
    expect((await call('POST', 'dispatch', { ...basic, origin: 'https://evil.test' }, message, o)).status).toBe(403)
    expect((await call('POST', 'dispatch', { authorization: 'Bearer of.the.page' }, message, o)).status).toBe(201)
  })

  test('bounds bodies', async () => {
    const large = { message: { type: 'a', payload: { text: 'x'.repeat(5 << 20) } } }
    expect((await call('POST', 'dispatch', { 'x-api-key': server.key }, large)).status).toBe(413)
    expect(handed).toEqual([])
  })

  test('tells that the server does not answer', async () => {
    const away = createClient({ url: 'http://127.0.0.1:1', apiKey: 'k' })
    const answer = await proxy(away).GET(new Request(`${app}/api/symphony/status`))
    expect(answer.status).toBe(502)
  })
})

describe('adapters', () => {
  const closing: (() => void)[] = []
  afterEach(() => {
    for (const close of closing.splice(0)) close()
    vi.restoreAllMocks()
  })

  async function listening(handle: RequestListener): Promise<string> {
    const http = createServer(handle)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    closing.push(() => {
      http.closeAllConnections()
      http.close()
    })
    return `http://127.0.0.1:${(http.address() as { port: number }).port}`
  }

  const route = () => serve(symphony, { '*': (m) => ({ text: m.payload.text, path: m.queue }) }, { secrets: secret })
  const body = JSON.stringify({ id: 'a', type: 'demo.hello', queue: 'q', attempt: 1, headers: {}, payload: { text: 'Grüße 🎺' } })
  const push = async (url: string) =>
    fetch(url, { method: 'POST', body, headers: { ...(await sign(secret, { id: 'a', body })), 'content-type': 'application/json' } })

  test.each<[string, () => RequestListener]>([
    ["Node's own server", () => listener(route()) as never],
    ['Express, before its parser', () => expressApp().use('/hooks', express(route())).use(json()) as never],
    ['Express, with the raw body', () => expressApp().use(expressApp.raw({ type: '*/*' })).all('/hooks', express(route())) as never],
    ['the Pages Router of Next.js', () => page(route()) as never],
  ])('%s', async (_, make) => {
    const url = await listening(make())
    const answer = await push(`${url}/hooks`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ text: 'Grüße 🎺', path: 'q' })
    expect((await fetch(`${url}/hooks`, { method: 'POST', body })).status).toBe(401)
  })

  test('a body that was parsed already is told as such, and the message is tried again', async () => {
    const told = vi.spyOn(console, 'error').mockReturnValue()
    const url = await listening(expressApp().use(json()).all('/hooks', express(route())) as never)
    const answer = await push(`${url}/hooks`)
    expect(answer.status).toBe(500)
    expect(await answer.json()).toMatchObject({ errorClass: 'misconfigured', permanent: false })
    expect(told.mock.calls.join()).toContain('before express.json()')
  })

  test('a route without a secret refuses every push, and says so in its log', async () => {
    const told: unknown[] = []
    const open = serve(symphony, {}, { onError: (e) => told.push(e) })
    const answer = await open.POST(new Request('http://app.test/', { method: 'POST', body }))
    expect(answer.status).toBe(500)
    expect(told).toMatchObject([{ code: 'secret_missing' }])
  })
})

describe('handlers', () => {
  test('a key that is no pattern, or matches nothing, is refused when the route is made', () => {
    expect(() => serve(symphony, { 'order*': () => {} } as never)).toThrow('may stand alone or end a pattern')
    const declared = createClient({ messages: { 'order.paid': { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } } } })
    expect(() => serve(declared, { 'mail.*': () => {} } as never)).toThrow('matches no type')
  })
})

test('the settings are read at the first call, not before', async () => {
  const late = createClient()
  vi.stubEnv('SYMPHONY_URL', '')
  await expect(late.status()).rejects.toMatchObject({ name: 'ConfigurationError', code: 'url_missing' })
  vi.stubEnv('SYMPHONY_URL', `${server.url}/`)
  vi.stubEnv('SYMPHONY_API_KEY', server.key)
  expect((await late.status()).success).toBe(true)
  vi.unstubAllEnvs()
  for (const url of ['localhost:8080', 'ftp://a', 'http://user:password@host', 'http://a?b']) {
    const error = await createClient({ url }).status().catch((e) => e)
    expect(error.code).toBe('url_invalid')
    expect(error.message).not.toContain('password')
  }
})
