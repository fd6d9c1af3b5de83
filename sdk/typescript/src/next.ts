import { listener, type NodeListener, type WebRoute } from './node.js'

/**
 * Makes a route a page of the Pages Router of Next.js. The App Router needs no adapter: export what `serve` returns.
 *
 * ```ts
 * // pages/api/symphony.ts
 * export const config = { api: { bodyParser: false } } // the signature is made of the bytes of the body
 * export default page(serve(symphony, handlers))
 * ```
 */
export function page(route: WebRoute): NodeListener {
  return listener(route)
}
