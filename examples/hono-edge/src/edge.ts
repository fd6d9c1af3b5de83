import { app } from './app.js'

// As edge-runtime and Vercel's edge functions have it. Cloudflare, Deno and Bun take `export default app`.
addEventListener('fetch', ((event: FetchEvent) => event.respondWith(app.fetch(event.request))) as EventListener)
