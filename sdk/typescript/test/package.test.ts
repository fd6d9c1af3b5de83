import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Server } from './server.js'

// The package as its users get it: built, packed, and installed into fresh projects, which use it with a real server.
const run = promisify(execFile)
const folder = fileURLToPath(new URL('..', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'symphony-consumers-'))
let server: Server
let tarball: string

beforeAll(async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', root], { cwd: folder })
  tarball = join(root, JSON.parse(stdout)[0].filename)
  server = await Server.start('worker: {continuous: {queues: [nobody]}}')
})

afterAll(async () => {
  await server?.stop()
  rmSync(root, { recursive: true, force: true })
})

/** Makes a project with the package and what is named of this folder's own packages. */
async function project(name: string, manifest: object, files: Record<string, string>, packages: string[] = []): Promise<string> {
  const at = join(root, name)
  mkdirSync(at)
  writeFileSync(join(at, 'package.json'), JSON.stringify({ name, private: true, ...manifest }))
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball], { cwd: at })
  for (const p of packages) {
    const link = join(at, 'node_modules', p)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(folder, 'node_modules', p), link)
  }
  for (const [file, text] of Object.entries(files)) writeFileSync(join(at, file), text)
  return at
}

const env = () => ({ PATH: process.env.PATH, SYMPHONY_URL: server.url, SYMPHONY_API_KEY: server.key })

/** Dispatches a message, pulls it, and prints what its handler has left. */
const program = (queue: string) => `
const messages = defineMessages({ "order.paid": { payload: type(), output: type() } })
const symphony = createClient({ messages })
const { messageId } = await symphony.dispatch("order.paid", { order: 42 }, { queue: "${queue}" })
const stop = new AbortController()
const running = pull(symphony, { "order.*": (m) => ({ charged: m.payload.order }) }, { queues: ["${queue}"], signal: stop.signal })
console.log(JSON.stringify(await symphony.wait(messageId)))
stop.abort()
await running
console.log(typeof aesGcm, typeof listener(serve(symphony, {})))`

const names = 'createClient, defineMessages, pull, serve, type'
const expected = '{"charged":42}\nfunction function\n'

const esm = (queue: string) => `import { ${names} } from "@symphony-messenger/client"
import { aesGcm } from "@symphony-messenger/client/codec"
import { listener } from "@symphony-messenger/client/node"
${program(queue)}`

test('a project of ES modules', async () => {
  const at = await project('esm', { type: 'module' }, { 'main.js': esm('esm') })
  expect((await run('node', ['main.js'], { cwd: at, env: env() })).stdout).toBe(expected)
})

test('a worker that gets SIGTERM finishes what it has in hand, takes no more, and ends', async () => {
  const at = await project('sigterm', { type: 'module' }, { 'main.js': `import { createClient, pull } from "@symphony-messenger/client"
const symphony = createClient()
await symphony.dispatchMany([1, 2].map((n) => ({ type: "slow", payload: { n }, options: { queue: "sigterm" } })))
await pull(symphony, {
  slow: async (m) => {
    console.log("begun", m.payload.n)
    await new Promise((resolve) => process.once("SIGTERM", () => setTimeout(resolve, 200)))
    console.log("done", m.payload.n)
  },
}, { queues: ["sigterm"], concurrency: 1 })
const { depth } = (await symphony.status()).queues["sigterm"]
console.log("left", depth)` })
  const child = spawn('node', ['main.js'], { cwd: at, env: env() })
  let out = ''
  child.stdout.on('data', (chunk) => {
    if (out === '') child.kill('SIGTERM')
    out += chunk
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect({ out, code }).toEqual({ out: 'begun 1\ndone 1\nleft 1\n', code: 0 })
})

// Bun and Deno are not installed for the tests; where they are on the PATH, the same program runs there.
test.each([
  ['bun', ['run', 'main.js']],
  ['deno', ['run', '--allow-all', 'main.js']],
])('a project of ES modules in %s', async (runtime, args) => {
  const there = await run(runtime, ['--version']).then(() => true, () => false)
  if (!there) return console.log(`${runtime} is not on the PATH`)
  const at = await project(runtime, { type: 'module' }, { 'main.js': esm(runtime) })
  expect((await run(runtime, args, { cwd: at, env: { ...env(), HOME: at } })).stdout).toBe(expected)
})

test('a project of CommonJS', async () => {
  const source = `const { ${names} } = require("@symphony-messenger/client")
const { aesGcm } = require("@symphony-messenger/client/codec")
const { listener } = require("@symphony-messenger/client/node")
;(async () => {${program('cjs')}})()`
  const at = await project('cjs', {}, { 'main.js': source })
  expect((await run('node', ['main.js'], { cwd: at, env: env() })).stdout).toBe(expected)
})

const typed = `import { ${names}, permanent, type MessageOf } from "@symphony-messenger/client"
import { z } from "zod"
import * as v from "valibot"
import { type as ark } from "arktype"

const messages = defineMessages({
  "order.paid": { payload: z.object({ order: z.number() }), output: z.object({ charged: z.boolean() }) },
  "mail.welcome": v.object({ to: v.string() }),
  "mail.digest": ark({ on: "string" }),
  "user.joined": z.object({ at: z.coerce.date(), name: z.string().default("anonymous") }),
})
const symphony = createClient({ messages })

export async function good() {
  const receipt = await symphony.dispatch("order.paid", { order: 42 }, { delay: "15m", retryDelay: ["1s", "1m30s"] })
  const out = await symphony.wait(receipt.messageId)
  const charged: boolean = out.charged
  await symphony.dispatch("user.joined", { at: new Date() })
  await symphony.dispatch("mail.digest", { on: "monday" })
  await symphony.dispatchMany([{ type: "mail.welcome", payload: { to: "a" } }, { type: "order.paid", payload: { order: 1 } }])
  const many = await symphony.dispatchMany([1, 2].map((order) => ({ type: "order.paid", payload: { order } })))
  const all: boolean[] = await Promise.all(many.map(async (r) => (await symphony.wait(r.messageId)).charged))
  const { queue } = await symphony.request("GET", "/api/symphony/status")
  const depth: number = queue.depth
  return { charged, depth, all }
}

export const route = serve(symphony, {
  "order.paid": async (m, ctx) => {
    const order: number = m.payload.order
    if (order < 0) throw permanent("there is no such order")
    await ctx.progress(1, 2)
    return { charged: true }
  },
  "mail.*": (m) => {
    const text: string = m.type === "mail.welcome" ? m.payload.to : m.payload.on
    console.log(text)
  },
  "user.joined": (m) => {
    const at: string = m.payload.at // a date is a text after JSON
    const name: string = m.payload.name
    console.log(at, name)
  },
})

export function charge(m: MessageOf<typeof messages, "order.paid">): number {
  return m.payload.order
}

interface Shop {
  "order.paid": { order: number }
  "order.sent": { parcel: string }
}
const plain = createClient({ messages: defineMessages<Shop>() })

export async function bad() {
  // @ts-expect-error: no such type
  await symphony.dispatch("order.made", {})
  // @ts-expect-error: a payload of another shape
  await symphony.dispatch("order.paid", { order: "42" })
  // @ts-expect-error: a member that is not there
  await symphony.dispatch("order.paid", { order: 42, extra: true })
  // @ts-expect-error: a payload of another type
  await symphony.dispatchMany([{ type: "mail.welcome", payload: { order: 1 } }])
  // @ts-expect-error: a member that is not there
  await symphony.dispatchMany([{ type: "order.paid", payload: { order: 1, extra: true } }])
  // @ts-expect-error: no duration
  await symphony.dispatch("order.paid", { order: 42 }, { delay: "soon" })
  // @ts-expect-error: an output of another shape
  serve(symphony, { "order.paid": () => ({ charged: "yes" }) })
  // @ts-expect-error: a pattern that matches nothing
  serve(symphony, { "shop.*": () => {} })
  // @ts-expect-error: no such route
  await symphony.request("GET", "/api/symphony/statuses", { query: { transport: "default" } }).then((r) => r.queue)
  await plain.dispatch("order.sent", { parcel: "a" })
  // @ts-expect-error: a payload of another shape
  await plain.dispatch("order.sent", { order: 1 })
  serve(plain, { "order.*": (m) => console.log(m.type === "order.paid" ? m.payload.order : m.payload.parcel) })
  const any = createClient()
  await any.dispatch("whatever", { it: "is" })
  serve(any, { whatever: (m) => console.log(m.payload.it), "a.*": (m) => console.log(m.payload), "*": () => {} })
}
`

const strict = {
  strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true, noEmit: true,
  target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'], types: [],
}

test.each([
  ['nodenext', { module: 'nodenext', moduleResolution: 'nodenext' }],
  ['bundler', { module: 'esnext', moduleResolution: 'bundler' }],
])('a project of TypeScript with modules resolved as %s', async (name, options) => {
  // The declarations of arktype take minutes to check, so those of this package are checked without others beside them.
  const settings = (skipLibCheck: boolean, file: string) =>
    JSON.stringify({ compilerOptions: { ...strict, ...options, skipLibCheck }, files: [file] })
  const at = await project(name, { type: 'module' }, {
    'main.ts': typed, 'tsconfig.json': settings(true, 'main.ts'),
    'own.ts': `export * from "@symphony-messenger/client"\nexport * from "@symphony-messenger/client/node"\n`,
    'own.json': settings(false, 'own.ts'),
  }, ['zod', 'valibot', 'arktype'])
  for (const file of ['tsconfig.json', 'own.json']) {
    const tsc = join(folder, 'node_modules/typescript-native/bin/tsc')
    const { stdout } = await run('node', [tsc, '-p', file], { cwd: at, timeout: 120_000 }).catch((error) => error)
    expect(stdout).toBe('')
  }
})
