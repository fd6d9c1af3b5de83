import { permanent, pull, retryAfter } from '@symphony-messenger/client'
import { partnerQueue, symphony } from './symphony.js'

const partner = process.env.PARTNER_URL
if (!partner) throw new Error('PARTNER_URL is where the partner is told of orders')

process.once('SIGTERM', () => console.log('draining'))
console.log('waiting for messages')

// Until SIGTERM: then it takes no more, and what it has in hand is finished.
await pull(symphony, {
  'partner.notify': async (m, ctx) => {
    const answer = await fetch(partner, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': m.id }, // stays the same when it comes again
      body: JSON.stringify(m.payload),
      signal: ctx.signal,
    })
    await answer.body?.cancel()
    if (answer.status === 429) throw retryAfter(new Error('the partner is busy'), '30s')
    if (answer.status >= 400 && answer.status < 500) throw permanent(`the partner answers ${answer.status}`)
    if (!answer.ok) throw new Error(`the partner answers ${answer.status}`) // is tried again, with backoff
    return { status: answer.status }
  },
}, { queues: [partnerQueue], concurrency: 4 })
console.log('drained')
