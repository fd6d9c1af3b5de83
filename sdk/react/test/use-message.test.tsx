import { act, createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { useMessage } from '../src/index.js'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

/** Answers as the public routes do, and lets the test say what happens. */
function publicRoutes() {
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined
  const state = { message: { id: 'm', status: 'pending' } as object, cancelled: false }
  return {
    state,
    happens(message: object) {
      state.message = { ...state.message, ...message }
      stream?.enqueue(new TextEncoder().encode('event: message.progress\ndata: {}\n\n'))
    },
    fetch: (async (url: string, init: RequestInit) => {
      if ((init.headers as Record<string, string>)['authorization'] !== 'Bearer smt_a') return Response.json({ error: 'no', code: 'token_invalid' }, { status: 401 })
      if (!url.endsWith('/events')) return Response.json({ success: true, message: state.message })
      return new Response(new ReadableStream({
        start: (controller) => {
          stream = controller
          init.signal?.addEventListener('abort', () => (state.cancelled = true))
        },
      }))
    }) as unknown as typeof fetch,
  }
}

function View({ token, fetch }: { token?: string; fetch: typeof globalThis.fetch }) {
  const { status, fraction, ended, error, message } = useMessage<{ url: string }>('m', token, { fetch })
  return createElement('p', null, [status, fraction, ended, error?.name, message?.output?.url].join(' '))
}

async function until(root: HTMLElement, text: string) {
  for (const end = Date.now() + 30_000; root.textContent?.trim() !== text; ) {
    if (Date.now() > end) throw new Error(`shows ${root.textContent}, not ${text}`)
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)))
  }
}

test('a message is followed while it is shown', async () => {
  const routes = publicRoutes()
  const place = document.createElement('div')
  const root = createRoot(place)
  await act(async () => root.render(createElement(View, { token: 'smt_a', fetch: routes.fetch })))
  await until(place, 'pending  false')
  routes.happens({ status: 'processing', progress: { done: 1, total: 4 } })
  await until(place, 'processing 0.25 false')
  routes.happens({ status: 'completed', output: { url: '/file' } })
  await until(place, 'completed 1 true  /file')
  await act(async () => root.unmount())
})

test('it ends with the component, and a wrong token is told', async () => {
  const routes = publicRoutes()
  const place = document.createElement('div')
  const root = createRoot(place)
  await act(async () => root.render(createElement(View, { token: 'smt_b', fetch: routes.fetch })))
  await until(place, 'false AuthenticationError')
  await act(async () => root.render(createElement(View, { token: 'smt_a', fetch: routes.fetch })))
  await until(place, 'pending  false')
  await act(async () => root.unmount())
  expect(routes.state.cancelled).toBe(true)
})

test('on the server nothing is asked', () => {
  expect(renderToString(createElement(View, { fetch: () => { throw new Error('asked') } }))).toContain('<p>')
})
