import { context, propagation, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api'
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, expect, test } from 'vitest'
import { createClient, serve, sign } from '../src/index.js'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

/** A context manager as the SDK for Node has it. */
class Manager implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active = () => this.#storage.getStore() ?? ROOT_CONTEXT
  with: ContextManager['with'] = (c, run, self, ...args) => this.#storage.run(c, () => run.call(self as never, ...args))
  bind = <T>(_: Context, target: T) => target
  enable = () => this
  disable = () => this
}

context.setGlobalContextManager(new Manager())
propagation.setGlobalPropagator({
  fields: () => ['traceparent'],
  inject(c, carrier, setter) {
    const span = trace.getSpanContext(c)
    if (span) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`)
  },
  extract(c, carrier, getter) {
    const [, traceId = '', spanId = ''] = String(getter.get(carrier, 'traceparent') ?? '').split('-')
    return traceId ? trace.setSpanContext(c, { traceId, spanId, traceFlags: 1 }) : c
  },
})
afterAll(() => {
  context.disable()
  propagation.disable()
})

test('a dispatch carries the trace on, and a handler runs within that of its message', async () => {
  const sent: (string | undefined)[] = []
  const symphony = createClient({
    url: 'http://queue.test', apiKey: 'k',
    fetch: async (_, init) => {
      sent.push((init?.headers as Record<string, string>)['traceparent'])
      return Response.json({ success: true, messageId: 'a' })
    },
  })
  await symphony.dispatch('order.paid', {})
  const route = serve(symphony, { '*': async (_, ctx) => void (await ctx.dispatch('order.sent', {})) }, { secrets: secret })
  const body = JSON.stringify({ id: 'a', type: 'order.paid', attempt: 1, headers: { traceparent: parent }, payload: {} })
  const answer = await route.POST(new Request('http://app.test/', { method: 'POST', body, headers: await sign(secret, { id: 'a', body }) }))
  expect(answer.status).toBe(204)
  expect(sent).toEqual([undefined, parent])
})
