import type { CronResponse, SchedulerResponse } from './api.gen.js'
import { core as coreKey, type Symphony } from './client.js'
import { same } from './compare.js'
import { env } from './env.js'
import { SymphonyError } from './errors.js'
import type { Definitions } from './schema.js'
import { json } from './serve.js'

/** Options of `cron`. */
export interface CronOptions {
  /** What is run, in this order. Default: both. `scheduler` fires due schedules, `worker` handles what waits. */
  jobs?: readonly ('scheduler' | 'worker')[] | undefined
  /** The secret that callers and this route have to show. Default: the variable CRON_SECRET, read at the first request. */
  secret?: string | undefined
}

/** What a run answers. */
export interface CronResult {
  success: true
  scheduler?: SchedulerResponse
  worker?: CronResponse
}

/** The longest run of the server's worker, in milliseconds. */
const longestRun = 60_000

/**
 * Makes a route for a cron service, such as the crons of `vercel.json`: it has the server fire due schedules and handle
 * what waits, and answers with what was done. Needed where the server runs no workers of its own, as in a function.
 *
 * ```ts
 * export const { GET } = cron(symphony) // app/api/cron/symphony/route.ts
 * ```
 *
 * Callers show the secret as `Authorization: Bearer`, as Vercel does; the server has the same as CRON_SECRET. Without one
 * the answer is 503: the route is never open.
 */
export function cron<M extends Definitions>(
  symphony: Symphony<M>, options: CronOptions = {},
): { GET(request: Request): Promise<Response>; POST(request: Request): Promise<Response> } {
  const { connection } = symphony[coreKey]

  async function run(request: Request): Promise<Response> {
    const secret = options.secret ?? env('CRON_SECRET')
    if (!secret) return json(503, { error: 'CRON_SECRET is not set', code: 'cron_secret_not_configured' })
    const shown = /^Bearer +(.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    if (shown === undefined || !(await same(shown, secret))) {
      return json(401, { error: 'the cron secret is missing or wrong', code: 'cron_secret_invalid' })
    }
    const result: Record<string, unknown> = { success: true }
    try {
      for (const job of options.jobs ?? ['scheduler', 'worker']) {
        const path = `/api/cron/symphony-${job}`
        result[job] = await connection.json({
          method: 'POST', path, credential: secret, signal: request.signal, waits: longestRun,
        })
      }
    } catch (error) {
      if (!(error instanceof SymphonyError)) throw error
      return json(error.status || 502, { error: error.message, code: error.code })
    }
    return json(200, result satisfies Record<string, unknown> as unknown as CronResult)
  }

  return { GET: run, POST: run }
}
