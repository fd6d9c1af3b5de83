/**
 * React hooks of Symphony Messenger.
 *
 * @packageDocumentation
 */
import { type FollowOptions, follow, type PublicMessage } from '@symphony-messenger/client/follow'
import { useEffect, useState } from 'react'

export type { PublicMessage } from '@symphony-messenger/client/follow'

/** Options of `useMessage`. */
export type UseMessageOptions = Omit<FollowOptions, 'signal'>

/** What is known of a message at the moment. */
export interface MessageState<O = unknown> {
  /** undefined until the first answer. */
  message: PublicMessage<O> | undefined
  status: PublicMessage['status'] | undefined
  /** 0 to 1, where the handler has told how far it is of how much. */
  fraction: number | undefined
  /** It has ended: it is completed, failed or cancelled. */
  ended: boolean
  /** Why it cannot be followed: the token is wrong or over, or the message is gone. */
  error: Error | undefined
}

/**
 * Follows a message with its token while the component is shown. Without an id or token it waits for them.
 *
 * ```tsx
 * const { status, fraction, message } = useMessage<{ url: string }>(id, token)
 * if (status === "completed") return <a href={message.output?.url}>Download</a>
 * return <progress value={fraction} />
 * ```
 */
export function useMessage<O = unknown>(
  id: string | undefined, token: string | undefined, options: UseMessageOptions = {},
): MessageState<O> {
  const { url, fetch } = options
  const of = `${id} ${token} ${url}`
  const [state, setState] = useState<{ of: string; message?: PublicMessage<O>; error?: Error }>({ of })
  useEffect(() => {
    if (!id || !token) return
    const stop = new AbortController()
    const run = async () => {
      try {
        for await (const message of follow<O>(id, token, { url, fetch, signal: stop.signal })) {
          if (!stop.signal.aborted) setState({ of, message })
        }
      } catch (error) {
        if (!stop.signal.aborted) setState((s) => ({ ...(s.of === of ? s : {}), of, error: error as Error }))
      }
    }
    void run()
    return () => stop.abort()
  }, [id, token, url, fetch, of])
  // What is left of another message is not shown for this one.
  const { message, error } = state.of === of ? state : { message: undefined, error: undefined }
  const { done, total } = message?.progress ?? {}
  const status = message?.status
  return {
    message, error, status,
    ended: status === 'completed' || status === 'failed' || status === 'cancelled',
    fraction: status === 'completed' ? 1 : done !== undefined && total ? Math.min(done / total, 1) : undefined,
  }
}
