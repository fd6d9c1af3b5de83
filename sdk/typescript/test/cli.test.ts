import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createClient } from '../src/index.js'
import { main } from '../src/cli.js'
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
  const folder = mkdtempSync(fileURLToPath(new URL('generated-', import.meta.url)))
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
