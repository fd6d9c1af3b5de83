// Measures what the client costs, with the built package (npm run build) and a server of its own:
//
//   SYMPHONY_PROGRAM=../../bin/symphony node bench/figures.mjs [dispatch] [pull] [serve]
//
// dispatch: the client and a bare fetch with the same body take turns; medians of single calls, one at a time.
// pull:     20,000 messages that wait are handled by a handler that does nothing, in this process beside the server.
// serve:    a signed push is handed to the route in this process, without a network.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createClient, pull, serve, sign } from '../dist/index.mjs'

const program = resolve(process.env.SYMPHONY_PROGRAM ?? '../../bin/symphony')
const folder = mkdtempSync(join(tmpdir(), 'symphony-figures-'))
const env = { PATH: process.env.PATH, HOME: folder }
writeFileSync(join(folder, 'symphony.yaml'), 'worker: {continuous: {queues: [nobody]}}\n')
const server = spawn(program, ['serve', '--addr', '127.0.0.1:0'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]
const now = () => performance.now()

try {
  const url = await new Promise((found, failed) => {
    let text = ''
    const read = (chunk) => {
      text += chunk
      const line = /msg=listening url=(\S+)/.exec(text)
      if (line) found(line[1])
    }
    server.stdout.on('data', read)
    server.stderr.on('data', read)
    server.once('exit', () => failed(new Error(text)))
  })
  const made = execFileSync(program, ['keys', 'create', 'bench', '--scopes', 'admin', '--json'], { cwd: folder, env, encoding: 'utf8' })
  const key = JSON.parse(made).secret
  const symphony = createClient({ url, apiKey: key })

  const asked = (name) => process.argv.length < 3 || process.argv.includes(name)
  if (asked('dispatch')) await dispatching(url, key, symphony)
  if (asked('pull')) for (const concurrency of [16, 100]) await pulling(symphony, concurrency)
  if (asked('serve')) await serving(symphony)
} finally {
  server.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function dispatching(url, key, symphony) {
  const payload = { order: 42, customer: 'Ada Lovelace', lines: Array.from({ length: 5 }, (_, i) => ({ sku: `SKU-${i}`, amount: i })) }
  const bare = async () => {
    const answer = await fetch(`${url}/api/symphony/dispatch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: { type: 'order.paid', payload }, options: { queue: 'bench', idempotencyKey: crypto.randomUUID() } }),
    })
    return (await answer.json()).messageId
  }
  const client = async () => (await symphony.dispatch('order.paid', payload, { queue: 'bench' })).messageId
  const took = { bare: [], client: [] }
  for (let i = 0; i < 6000; i++) {
    for (const [name, call] of i % 2 ? [['bare', bare], ['client', client]] : [['client', client], ['bare', bare]]) {
      const begun = now()
      await call()
      if (i >= 500) took[name].push(now() - begun)
    }
  }
  const [b, c] = [median(took.bare), median(took.client)]
  console.log(`dispatch: ${c.toFixed(3)} ms by the client, ${b.toFixed(3)} ms by a bare fetch: ${((c / b - 1) * 100).toFixed(1)}% more (medians of ${took.bare.length})`)
}

async function pulling(symphony, concurrency) {
  const n = 20_000
  const queue = `pull-${concurrency}`
  for (let i = 0; i < n; i += 1000) {
    await symphony.dispatchMany(Array.from({ length: 1000 }, (_, j) => ({ type: 'order.paid', payload: { order: i + j }, options: { queue } })))
  }
  const stop = new AbortController()
  let left = n
  const cpu = process.cpuUsage()
  const begun = now()
  await pull(symphony, { '*': () => void (--left === 0 && stop.abort()) }, { queues: [queue], concurrency, signals: false, signal: stop.signal })
  const seconds = (now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  console.log(`pull: ${Math.round(n / seconds)} messages/s at concurrency ${concurrency}, acked; ${((user + system) / n).toFixed(0)} µs of the worker's processor time for each`)
}

async function serving(symphony) {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const route = serve(symphony, { 'order.paid': (m) => ({ charged: m.payload.order > 0 }) }, { secrets: secret })
  const body = JSON.stringify({
    id: '01980a3e-8f4c-7d21-9c63-0f5f2a7f1f10', type: 'order.paid', transport: 'default', queue: 'default', priority: 5, attempt: 1,
    createdAt: '2026-12-01T09:00:00Z', correlationId: 'a', metadata: {}, headers: {}, payload: { order: 42, customer: 'Ada Lovelace' },
  })
  const headers = { ...(await sign(secret, { id: 'a', body })), 'content-type': 'application/json', 'content-length': String(body.length) }
  const request = () => new Request('http://app.test/api/symphony', { method: 'POST', body, headers })
  const plain = async (r) => Response.json({ charged: JSON.parse(await r.text()).payload.order > 0 })
  const took = { plain: [], serve: [] }
  for (let i = 0; i < 12_000; i++) {
    for (const [name, handle] of [['plain', plain], ['serve', (r) => route.POST(r)]]) {
      const r = request()
      const begun = now()
      const answer = await handle(r)
      if (answer.status !== 200) throw new Error(await answer.text())
      if (i >= 2000) took[name].push(now() - begun)
    }
  }
  const [p, s] = [median(took.plain), median(took.serve)]
  console.log(`serve: ${s.toFixed(3)} ms a push, ${p.toFixed(3)} ms by a route that only parses it: ${(s - p).toFixed(3)} ms more (medians of ${took.plain.length})`)
}
