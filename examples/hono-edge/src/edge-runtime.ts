import { readFileSync } from 'node:fs'
import { EdgeRuntime, runServer } from 'edge-runtime'

// The bundle runs in a context that has the web's own names and none of Node's; of the environment it gets what it uses.
const names = ['SYMPHONY_URL', 'SYMPHONY_API_KEY', 'SYMPHONY_WEBHOOK_SECRET', 'CRON_SECRET']
const env = Object.fromEntries(names.map((name) => [name, process.env[name]]))

const runtime = new EdgeRuntime({
  initialCode: readFileSync(new URL('edge.js', import.meta.url), 'utf8'),
  extend: (context) => Object.assign(context, { process: { env } }),
})
const server = await runServer({ runtime, host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
console.log(`listening on ${server.url}, on an edge runtime`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void server.close())
