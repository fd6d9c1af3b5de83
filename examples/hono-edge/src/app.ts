import { createClient, cron, defineMessages, permanent, proxy, serve, type } from '@symphony-messenger/client'
import { Hono } from 'hono'

// Nothing here but what every runtime with `fetch` has: tsconfig.json knows no types of Node.

const symphony = createClient({ // SYMPHONY_URL, SYMPHONY_API_KEY
  messages: defineMessages({
    'export.run': { payload: type<{ rows: number }>(), output: type<{ bytes: number; sha256: string }>() },
  }),
})

const maxRows = 100_000

/** What the server pushes to, and asks for its types: signed with SYMPHONY_WEBHOOK_SECRET. */
const route = serve(symphony, {
  'export.run': async (m, ctx) => {
    const { rows } = m.payload
    if (!Number.isInteger(rows) || rows < 1 || rows > maxRows) throw permanent(`rows must be 1 to ${maxRows}`)
    let csv = 'row,square\n'
    for (let row = 1; row <= rows; row++) {
      if (row % 10_000 === 0) {
        ctx.signal.throwIfAborted() // cancelled, or out of time
        await ctx.progress(row, rows, 'rows')
      }
      csv += `${row},${row * row}\n`
    }
    const bytes = new TextEncoder().encode(csv)
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    return { bytes: bytes.length, sha256: [...digest].map((b) => b.toString(16).padStart(2, '0')).join('') }
  },
})

/** What pages call on their own origin: each with what the caller has shown, never with the key of this program. */
const api = proxy(symphony)
const wake = cron(symphony) // asks for CRON_SECRET

/** The application: `app.fetch` is all that a runtime needs of it. */
export const app = new Hono()
  .all('/api/symphony', (c) => route.fetch(c.req.raw))
  .get('/api/symphony/*', (c) => api.GET(c.req.raw))
  .post('/api/symphony/*', (c) => api.POST(c.req.raw))
  .get('/api/cron/symphony', (c) => wake.GET(c.req.raw))
  .post('/exports', async (c) => {
    const { rows } = await c.req.json<{ rows: number }>()
    const { messageId } = await symphony.dispatch('export.run', { rows })
    const { token } = await symphony.messages.token(messageId, { ttl: '10m' })
    return c.json({ messageId, token }, 202) // the page of who has asked shows it with these
  })
