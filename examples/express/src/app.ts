import { NotFoundError, serve, ValidationError } from '@symphony-messenger/client'
import { express as route } from '@symphony-messenger/client/express'
import express, { type ErrorRequestHandler } from 'express'
import { partnerQueue, symphony } from './symphony.js'

/** The application: it takes orders, and handles what follows from them. */
export const app = express()

// The server pushes messages here. It stands before express.json(), because a signature is made of the bytes of the body.
app.all('/api/symphony', route(serve(symphony, {
  'order.paid': async (m, ctx) => {
    // A message may come twice. The key makes one notification of any number of attempts.
    await ctx.dispatch('partner.notify', { order: m.payload.order }, { queue: partnerQueue, idempotencyKey: `notify-${m.id}` })
    return { notified: true }
  },
})))

app.use(express.json())

// When this answers, the message is on disk. The key makes one message of a form that is sent twice.
app.post('/orders', async (request, response) => {
  const { order } = request.body ?? {}
  const { messageId } = await symphony.dispatch('order.paid', request.body, { idempotencyKey: `order-${order}` })
  response.status(202).json({ messageId })
})

app.get('/messages/:id', async (request, response) => {
  const { id, status, output } = await symphony.get(request.params.id)
  response.json({ id, status, output })
})

const errors: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error)
  if (error instanceof ValidationError) response.status(400).json({ error: error.message, problems: error.problems })
  else if (error instanceof NotFoundError) response.status(404).json({ error: 'there is no such message' })
  else next(error)
}
app.use(errors)
