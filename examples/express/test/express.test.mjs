import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, Testbed, until } from '../../testbed.mjs'

/** The partner's server: what it is told, each with how to answer it. */
const calls = []
const partner = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => calls.push({
    body: JSON.parse(body), key: request.headers['idempotency-key'], answer: (status) => response.writeHead(status).end(),
  }))
})
const nextCall = () => until('the partner is told', async () => calls.shift())

let bed
let app
let shop

before(async () => {
  await new Promise((resolve) => partner.listen(0, '127.0.0.1', resolve))
  bed = await Testbed.make(fileURLToPath(new URL('..', import.meta.url)))
  const port = await freePort()
  app = `http://localhost:${port}`
  // The README's steps, with ports that are free.
  const secret = (await bed.run(bed.program, 'secrets', 'generate')).trim()
  await bed.serve('dispatch,consume,read,operate', { SYMPHONY_PUSH_ALLOWED_ORIGINS: app, SYMPHONY_WEBHOOK_SECRET: secret })
  Object.assign(bed.env, { PORT: String(port), PARTNER_URL: `http://127.0.0.1:${partner.address().port}/orders` })
  shop = await start()
  await bed.run('npx', 'symphony', 'handlers', 'sync', '--url', `${app}/api/symphony`, '--apply')
})
after(async () => {
  await bed?.end()
  partner.closeAllConnections()
  partner.close()
})

const start = () => bed.start(/listening on/, 'node', 'dist/server.js')
const work = () => bed.start(/waiting/, 'node', 'dist/worker.js')

async function order(body) {
  const answer = await fetch(`${app}/orders`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  })
  return { status: answer.status, ...(await answer.json()) }
}

const message = async (id) => (await fetch(`${app}/messages/${id}`)).json()
const completed = (id) => until(`${id} is completed`, async () => {
  const m = await message(id)
  return m.status === 'completed' && m
})

test('an order is handled in the route, and the partner is told by the worker', async () => {
  const worker = await work()
  const { status, messageId } = await order({ order: 42, email: 'ada@example.com' })
  assert.equal(status, 202)
  assert.deepEqual((await completed(messageId)).output, { notified: true })
  const call = await nextCall()
  assert.deepEqual(call.body, { order: 42 })
  call.answer(204)
  assert.deepEqual((await completed(call.key)).output, { status: 204 }) // the key is the message's id
  const again = await order({ order: 42, email: 'ada@example.com' })
  assert.equal(again.messageId, messageId)
  assert.equal(await worker.stop('SIGTERM'), 0)
  assert.match(worker.output, /drained/)
})

test('what is wrong is told to whoever has sent it, and nothing is stored', async () => {
  const answer = await order({ order: -1, email: 'nobody' })
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.problems.map((p) => p.path).sort(), ['message.payload.email', 'message.payload.order'])
  assert.equal((await fetch(`${app}/messages/01a2297c-6228-70ea-8cc5-58dd2d1ce827`)).status, 404)
})

test('a push that is not signed is refused', async () => {
  assert.equal((await fetch(`${app}/api/symphony`, { method: 'POST', body: '{}' })).status, 401)
})

test('on SIGTERM the worker finishes what it has in hand and takes no more; the next one goes on', async () => {
  const worker = await work()
  await order({ order: 1, email: 'ada@example.com' })
  const inHand = await nextCall()
  const code = worker.stop('SIGTERM')
  await worker.prints(/draining/)
  const { messageId } = await order({ order: 2, email: 'ada@example.com' })
  await completed(messageId)
  inHand.answer(200)
  assert.equal(await code, 0)
  assert.equal((await message(inHand.key)).status, 'completed')
  assert.equal(calls.length, 0)

  const next = await work()
  const call = await nextCall()
  assert.deepEqual(call.body, { order: 2 })
  call.answer(429)
  await until('it waits for its next attempt', async () => (await message(call.key)).status === 'pending')
  assert.equal(await next.stop('SIGTERM'), 0)
})

test('on SIGTERM the application answers the push that it has in hand, and ends', async () => {
  const { messageId } = await order({ order: 3, email: 'ada@example.com' })
  assert.equal(await shop.stop('SIGTERM'), 0)
  shop = await start()
  assert.deepEqual((await completed(messageId)).output, { notified: true })
})
