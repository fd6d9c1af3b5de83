import { listener, type NodeListener, type NodeRequest, type NodeResponse, type WebRoute } from './node.js'

/** A handler of Express. */
export type ExpressHandler = (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void) => void

/**
 * Makes a route a handler of Express:
 *
 * ```ts
 * app.all("/api/symphony", express(serve(symphony, handlers))) // before app.use(json())
 * ```
 *
 * It has to see the body before `express.json()` does, or that of `express.raw()`: a signature is made of its bytes.
 */
export function express(route: WebRoute): ExpressHandler {
  const handle: NodeListener = listener(route)
  return (request, response, next) => {
    handle(request, response).catch(next)
  }
}
