// A pull worker for Node 18 and newer, without dependencies. It handles messages of type "demo": prints their id, and fails
// those whose payload says so.
//
//   SYMPHONY_SERVER=http://127.0.0.1:8080 SYMPHONY_API_KEY=sym_… node worker.mjs
//
// Ten messages at a time, leases kept alive while they are handled. SIGTERM lets it finish what is in hand.
import { setTimeout as sleep } from 'node:timers/promises'

const server = process.env.SYMPHONY_SERVER
const key = process.env.SYMPHONY_API_KEY
if (!server || !key) throw new Error('SYMPHONY_SERVER and SYMPHONY_API_KEY must be set')

const concurrency = 10
const lease = 30_000

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort())

async function handle(message) {
  if (message.payload.fail) throw Object.assign(new Error('the payload says fail'), { errorClass: 'told_to' })
  console.log(`handled ${message.id}`)
}

// call answers undefined where a lease was lost: the message is somebody else's by now.
async function call(path, body, signal = AbortSignal.timeout(40_000)) {
  const response = await fetch(`${server}/api/symphony/${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  })
  const answer = await response.json()
  if (response.ok) return answer
  if (answer.code === 'lease_lost') return undefined
  const error = new Error(`${path}: ${response.status} ${answer.error}`)
  error.retryAfter = Number(response.headers.get('retry-after')) * 1000
  // What the server refuses for good will not get better by asking again.
  error.final = response.status < 500 && response.status !== 429
  throw error
}

// persist tries again while the server is away, for as long as the lease may last.
async function persist(path, body) {
  const until = Date.now() + lease
  for (let pause = 200; ; pause = Math.min(pause * 2, 5000)) {
    try {
      return await call(path, body)
    } catch (error) {
      if (error.final || Date.now() > until) {
        console.error(`${error.message}; the message comes again`)
        return undefined
      }
      await sleep(Math.max(pause, error.retryAfter || 0))
    }
  }
}

async function work(message) {
  const heartbeat = setInterval(() => call('extend', { receipts: [message.receipt], lease }).catch(() => {}), lease / 3)
  try {
    await handle(message)
  } catch (error) {
    clearInterval(heartbeat)
    await persist('nack', { receipt: message.receipt, error: String(error.message), errorClass: error.errorClass ?? error.name })
    return
  } finally {
    clearInterval(heartbeat)
  }
  await persist('ack', { receipts: [message.receipt] })
}

const inHand = new Set()
for (let pause = 200; !stop.signal.aborted; ) {
  if (inHand.size === concurrency) {
    await Promise.race(inHand)
    continue
  }
  try {
    const { messages } = await call('receive', { max: concurrency - inHand.size, wait: 20_000, lease }, AbortSignal.any([stop.signal, AbortSignal.timeout(40_000)]))
    for (const message of messages) {
      const done = work(message).finally(() => inHand.delete(done))
      inHand.add(done)
    }
    pause = 200
  } catch (error) {
    if (stop.signal.aborted) break
    if (error.final) throw error
    await sleep(Math.max(pause, error.retryAfter || 0), undefined, { signal: stop.signal }).catch(() => {})
    pause = Math.min(pause * 2, 10_000)
  }
}
await Promise.all(inHand)
