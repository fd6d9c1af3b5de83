import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, Testbed, until } from '../../testbed.mjs'

let bed
let app

before(async () => {
  bed = await Testbed.make(fileURLToPath(new URL('..', import.meta.url)))
  const port = await freePort()
  app = `http://localhost:${port}`
  const secret = (await bed.run(bed.program, 'secrets', 'generate')).trim()
  await bed.serve('dispatch,read,operate', {
    SYMPHONY_PUSH_ALLOWED_ORIGINS: app, SYMPHONY_WEBHOOK_SECRET: secret, CRON_SECRET: 'of-the-cron-service',
  })
  bed.env.PORT = String(port)
})
after(() => bed?.end())

const post = (path, body, headers = {}) => fetch(`${app}${path}`, { method: 'POST', body: JSON.stringify(body), headers })

/** What a page sees of a message with its token, on the application's own origin. */
async function seen(id, token) {
  const answer = await fetch(`${app}/api/symphony/messages/${id}/public`, { headers: { authorization: `Bearer ${token}` } })
  return { status: answer.status, message: (await answer.json()).message }
}

for (const [where, file] of [['an edge runtime', 'dist/edge-runtime.js'], ['Node', 'dist/node.js']]) {
  test(`on ${where}`, async (t) => {
    const running = await bed.start(/listening on/, 'node', file)

    await t.test('the route tells its types to who is signed, and the server pushes to it', async () => {
      await bed.run('npx', 'symphony', 'handlers', 'sync', '--url', `${app}/api/symphony`, '--apply')
      assert.equal((await fetch(`${app}/api/symphony`)).status, 401)
      assert.equal((await post('/api/symphony', {})).status, 401)
    })

    await t.test('a page follows what it has asked for, with a token, and sees the output', async () => {
      const answer = await post('/exports', { rows: 20_000 })
      assert.equal(answer.status, 202)
      const { messageId, token } = await answer.json()
      const { message } = await until('the export is done', async () => {
        const s = await seen(messageId, token)
        return s.message?.status === 'completed' && s
      })
      const csv = `row,square\n${Array.from({ length: 20_000 }, (_, i) => `${i + 1},${(i + 1) ** 2}\n`).join('')}`
      assert.deepEqual(message.output, { bytes: csv.length, sha256: createHash('sha256').update(csv).digest('hex') })
      assert.equal(message.progress.total, 20_000)
      assert.equal((await seen(messageId, 'smt_made.up')).status, 401)
    })

    await t.test('what can never be done is a dead letter at once', async () => {
      const { messageId, token } = await (await post('/exports', { rows: 0 })).json()
      await until('it has failed', async () => (await seen(messageId, token)).message?.status === 'failed')
    })

    await t.test("a page without rights gets none from the application's key", async () => {
      assert.equal((await fetch(`${app}/api/symphony/status`)).status, 401)
      assert.equal((await post('/api/symphony/dispatch', { message: { type: 'export.run', payload: { rows: 1 } } })).status, 401)
    })

    await t.test('the cron wakes the server, for who knows the secret', async () => {
      const call = (secret) => fetch(`${app}/api/cron/symphony`, { headers: { authorization: `Bearer ${secret}` } })
      assert.equal((await call('a guess')).status, 401)
      const answer = await call('of-the-cron-service')
      assert.deepEqual([answer.status, (await answer.json()).success], [200, true])
    })

    assert.equal(await running.stop('SIGTERM'), 0)
  })
}

test('the bundle uses nothing of Node', () => {
  assert.doesNotMatch(readFileSync(join(bed.folder, 'dist/edge.js'), 'utf8'), /require\(|node:|Buffer\.from/)
})
