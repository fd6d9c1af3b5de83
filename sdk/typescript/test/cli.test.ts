import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createClient, serve } from '../src/index.js'
import { main } from '../src/cli.js'
import { listener } from '../src/node.js'
import { Server } from './server.js'


async function symphony(...args: string[]) {
  let out = ''
  let err = ''
  const code = await main(args, { out: (text) => (out += text), err: (text) => (err += text) })
  return { code, out, err }
}

afterEach(() => vi.unstubAllEnvs())

describe('types generate', () => {
  let server: Server
  let folder: string
  const schema = {
    description: 'An order that was paid.',
    type: 'object', required: ['order', 'lines'], additionalProperties: false,
    properties: {
      order: { type: 'integer', description: 'Its number. */' }, paidAt: { type: 'string', format: 'date-time' }, note: { type: ['string', 'null'] },
      state: { enum: ['new', 'old'] }, lines: { type: 'array', items: { $ref: '#/$defs/line' } }, 'odd-name': { type: 'boolean' },
      address: { type: 'object', properties: { street: { type: 'string' } }, required: ['street'] },
      labels: { type: 'object', additionalProperties: { type: 'string' } }, by: { oneOf: [{ const: 'card' }, { type: 'number' }] },
    },
    $defs: { line: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' }, parts: { type: 'array', items: { $ref: '#/$defs/line' } } } } },
  }

  beforeAll(async () => {
    folder = mkdtempSync(fileURLToPath(new URL('generated-', import.meta.url)))
    server = await Server.start('types: {order.paid: {schema: paid.json}, mail.*: {schema: mail.json}}', ['--no-worker'], {
      'paid.json': JSON.stringify(schema), 'mail.json': '{"type": "object"}',
    })
    const client = createClient({ url: server.url, apiKey: server.key })
    await client.dispatch('mail.welcome', { to: 'a' })
    await client.dispatch('9 lives', {})
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(folder, { recursive: true })
  })

  test('makes TypeScript that compiles', async () => {
    vi.stubEnv('SYMPHONY_URL', server.url)
    vi.stubEnv('SYMPHONY_API_KEY', server.key)
    const file = join(folder, 'messages.ts')
    expect(await symphony('types', 'generate', '--out', file)).toMatchObject({ code: 0, err: expect.stringContaining('3 types, 2 of them with a schema') })
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('/** An order that was paid. */\nexport interface OrderPaid {')
    expect(text).toContain('  "mail.welcome": MailWelcome\n')
    expect(text).toContain('  "9 lives": Record<string, unknown>\n')
    writeFileSync(join(folder, 'use.ts'), `import { createClient } from '../../src/index.js'
import { messages, type OrderPaid } from './messages.js'
const order: OrderPaid = { order: 1, lines: [{ sku: 'a', parts: [{ sku: 'b' }] }], state: 'new', by: 2, labels: { a: 'b' }, address: { street: 'c' } }
export const sent = createClient({ messages }).dispatch('order.paid', order)
// @ts-expect-error: a state that there is not
export const bad: OrderPaid = { order: 1, lines: [], state: 'other' }
`)
    const text2 = text.replace('"@symphony-messenger/client"', "'../../src/index.js'")
    writeFileSync(file, text2)
    const tsc = fileURLToPath(new URL('../node_modules/typescript-native/bin/tsc', import.meta.url))
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2023,dom,dom.iterable', '--types', 'node']
    const { stdout } = await promisify(execFile)('node', [tsc, ...options, join(folder, 'use.ts')], { cwd: fileURLToPath(new URL('..', import.meta.url)) }).catch((e) => e)
    expect(stdout).toBe('')
  })

  test('makes Go that is formatted and compiles', async () => {
    vi.stubEnv('SYMPHONY_URL', server.url)
    vi.stubEnv('SYMPHONY_API_KEY', server.key)
    const file = join(folder, 'messages.go')
    expect(await symphony('types', 'generate', '--lang', 'go', '--package', 'shop', '--out', file)).toMatchObject({ code: 0 })
    expect(readFileSync(file, 'utf8')).toContain('const OrderPaidType = symphony.Type[OrderPaid]("order.paid")')
    expect(execFileSync('gofmt', [file], { encoding: 'utf8' })).toBe(readFileSync(file, 'utf8'))
    await promisify(execFile)('go', ['build', '-buildvcs=false', '.'], { cwd: folder })
  })

  test('tells what is wrong', async () => {
    vi.stubEnv('SYMPHONY_URL', '')
    expect(await symphony('types', 'generate')).toMatchObject({ code: 1, err: expect.stringContaining('set SYMPHONY_URL') })
    expect(await symphony('types', 'generate', '--lang', 'java')).toMatchObject({ code: 2, err: expect.stringContaining('must be ts or go') })
    expect(await symphony('types', 'generate', '--colour')).toMatchObject({ code: 2 })
    expect(await symphony('type')).toMatchObject({ code: 2, err: expect.stringContaining('there is no command "type"') })
    expect((await symphony('--help')).out).toContain('symphony handlers sync')
  })
})

describe('handlers sync', () => {
  let server: Server
  let app: HttpServer
  let url: string
  let handle = listener({})
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

  beforeAll(async () => {
    app = createServer((request, response) => void handle(request, response))
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(app.address() as { port: number }).port}`
    url = `${origin}/api/symphony`
    server = await Server.start(`push: {allowed_origins: ["${origin}"], allow_private: true}`)
  })
  afterAll(async () => {
    await server?.stop()
    app?.closeAllConnections()
    app?.close()
  })

  /** The route of an application with these handlers, which has the server's key and these secrets. */
  function deploy(patterns: string[], secrets: string) {
    const client = createClient({ url: server.url, apiKey: server.key })
    handle = listener(serve(client, Object.fromEntries(patterns.map((p) => [p, (m) => ({ by: p, order: m.payload.order })])), { secrets }))
    return client
  }

  test('sets what a route handles, shows it first, and deletes what it handles no more', async () => {
    vi.stubEnv('SYMPHONY_URL', server.url)
    vi.stubEnv('SYMPHONY_API_KEY', server.key)
    vi.stubEnv('SYMPHONY_WEBHOOK_SECRET', secret)
    const client = deploy(['order.*', 'mail.welcome'], secret)
    const plan = await symphony('handlers', 'sync', '--url', url)
    expect(plan).toEqual({ code: 0, err: '', out: '+ mail.welcome\n+ order.*\nNothing is changed yet: --apply does it.\n' })
    expect((await client.request('GET', '/api/symphony/handlers')).handlers.filter((h) => h.source === 'api')).toEqual([])
    expect((await symphony('handlers', 'sync', '--url', url, '--timeout', '5s', '--apply')).out).toContain('Done: 2 set, 0 deleted.')
    // A message is handled by the route from now on, verified with the secret that the command handed over.
    const { messageId } = await client.dispatch('order.paid', { order: 42 })
    expect(await client.wait(messageId)).toEqual({ by: 'order.*', order: 42 })
    expect((await symphony('handlers', 'sync', '--url', url, '--apply')).out).toBe('= mail.welcome\n= order.*\nNothing changes.\n')
    deploy(['order.*'], secret)
    expect((await symphony('handlers', 'sync', '--url', url, '--apply')).out).toContain('- mail.welcome\nDone: 0 set, 1 deleted.')
  })

  test('prints the one secret of all patterns where the server makes it, and keeps previews apart', async () => {
    vi.stubEnv('SYMPHONY_URL', server.url)
    vi.stubEnv('SYMPHONY_API_KEY', server.key)
    deploy(['a.*', 'b.*'], '')
    const { out, err } = await symphony('handlers', 'sync', '--url', url, '--queue', 'pr-42', '--apply')
    expect(err).toBe('')
    const made = /SYMPHONY_WEBHOOK_SECRET=(whsec_\S+)/.exec(out)?.[1] as string
    const client = deploy(['a.*', 'b.*'], made)
    for (const type of ['a.x', 'b.x']) {
      const { messageId } = await client.dispatch(type, { order: 1 }, { queue: 'pr-42' })
      expect(await client.wait(messageId)).toMatchObject({ order: 1 })
    }
  })

  test('tells nothing to strangers, and what is wrong', async () => {
    vi.stubEnv('SYMPHONY_URL', server.url)
    vi.stubEnv('SYMPHONY_API_KEY', 'sym_another')
    deploy(['a.*'], secret)
    expect(await symphony('handlers', 'sync', '--url', url)).toMatchObject({ code: 1, err: expect.stringContaining('does not tell its types') })
    expect(await symphony('handlers', 'sync', '--url', 'http://127.0.0.1:1/')).toMatchObject({ code: 1, err: expect.stringContaining('does not answer') })
    expect(await symphony('handlers', 'sync')).toMatchObject({ code: 2, err: expect.stringContaining('--url must be') })
  })
})
