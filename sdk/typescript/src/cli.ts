import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { HandlerRequest, HandlerResponse, TypesResponse } from './api.gen.js'
import { type Declared, golang, type Schema, typescript } from './cli-schemas.js'
import { createClient, type Symphony } from './client.js'
import { parseDuration } from './duration.js'
import { env } from './env.js'
import { SymphonyError } from './errors.js'
import { typesId } from './serve.js'
import { hmacKey, keyOf, secretsOf, signWith } from './signature.js'

const help = `Usage:
  symphony types generate [--out FILE] [--lang ts|go] [--package NAME]
      Make TypeScript or Go types of the schemas on the server. Without --out they go to standard output.

  symphony handlers sync --url URL [--from URL] [--queue NAME] [--timeout 30s] [--no-output] [--apply]
      Have the server push the messages that a route handles to it. The route is asked for its types; what would change
      is shown, and done with --apply.
        --url URL       where messages are pushed to, such as https://app.example.com/api/symphony
        --from URL      the deployment that is asked, if it is not reached by --url yet
        --queue NAME    only for messages of this queue, as for a preview
        --timeout TIME  how long a push may take
        --no-output     do not keep what handlers return

Environment:
  SYMPHONY_URL, SYMPHONY_API_KEY  the server, and a key with the scope read, or operate to sync
  SYMPHONY_WEBHOOK_SECRET         what the route verifies pushes with; the server signs with the first of several
`

/** A mistake of whoever typed the command. */
class Usage extends Error {}

/** Where a command writes. */
export interface Output {
  out(text: string): void
  err(text: string): void
}

/** Whether a command is one of those here, and not of the program of the server. */
export function knows([topic, verb]: string[]): boolean {
  return commands.has(`${topic} ${verb}`)
}

const commands = new Set(['types generate', 'handlers sync'])

/** Runs a command, and returns its exit code: 0, 1 for a failure, 2 for a wrong command. */
export async function main(args: string[], to: Output): Promise<number> {
  try {
    const [topic, verb] = args
    const name = `${topic} ${verb}`
    if (topic === undefined || args.includes('--help') || args.includes('-h')) to.out(help)
    else if (name === 'types generate') await generate(args.slice(2), to)
    else if (name === 'handlers sync') await sync(args.slice(2), to)
    else throw new Usage(`there is no command ${JSON.stringify(args.slice(0, 2).join(' '))}`)
    return 0
  } catch (error) {
    const wrong = error instanceof Usage || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
    if (!wrong && !(error instanceof SymphonyError)) throw error
    to.err(`symphony: ${(error as Error).message}${wrong ? '; see symphony --help' : ''}\n`)
    return wrong ? 2 : 1
  }
}

async function generate(args: string[], to: Output): Promise<void> {
  const { values } = parseArgs({
    args, options: { out: { type: 'string' }, lang: { type: 'string', default: 'ts' }, package: { type: 'string', default: 'messages' } },
  })
  if (values.lang !== 'ts' && values.lang !== 'go') throw new Usage(`--lang must be ts or go, is ${JSON.stringify(values.lang)}`)
  const types = await declared(createClient())
  const text = values.lang === 'ts' ? typescript(types) : golang(types, values.package)
  if (values.out === undefined) to.out(text)
  else {
    writeFileSync(values.out, text)
    to.err(`${types.length} types, ${types.filter((t) => t.schema).length} of them with a schema: ${values.out}\n`)
  }
}

/** All types that the server has seen or has a schema for, in the order of their names. */
async function declared(symphony: Symphony): Promise<Declared[]> {
  const types = new Map<string, Declared>()
  const schemas = new Map<string, Schema>()
  for (let cursor: string | undefined; ; ) {
    const page: TypesResponse = await symphony.request('GET', '/api/symphony/types', { query: { cursor, limit: 100 } })
    for (const [pattern, schema] of Object.entries(page.schemas)) schemas.set(pattern, schema as Schema)
    for (const { type, schema } of page.types) {
      if (!type.endsWith('*')) types.set(type, { type, schema: schema === undefined ? undefined : schemas.get(schema) })
    }
    cursor = page.pagination.nextCursor
    if (!cursor) break
  }
  for (const [pattern, schema] of schemas) {
    if (!pattern.endsWith('*') && !types.has(pattern)) types.set(pattern, { type: pattern, schema })
  }
  return [...types.values()].sort((a, b) => (a.type < b.type ? -1 : 1))
}

async function sync(args: string[], to: Output): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string' }, from: { type: 'string' }, queue: { type: 'string' }, timeout: { type: 'string' },
      'no-output': { type: 'boolean', default: false }, apply: { type: 'boolean', default: false },
    },
  })
  const { url, queue } = values
  if (!url || !URL.canParse(url)) throw new Usage('--url must be the URL of a route, such as https://app.example.com/api/symphony')
  const symphony = createClient()
  const wanted = await patternsOf(values.from ?? url)
  const { handlers } = await symphony.request('GET', '/api/symphony/handlers')
  const here = handlers.filter((h) => h.queue === queue)
  const set = new Map(here.filter((h) => h.source === 'api').map((h) => [h.pattern, h]))
  const configured = new Set(here.filter((h) => h.source !== 'api').map((h) => h.pattern))

  const put: string[] = []
  for (const pattern of wanted) {
    const old = set.get(pattern)
    if (configured.has(pattern)) to.out(`= ${pattern}  is handled by the server's configuration, which wins\n`)
    else if (old?.url === url) to.out(`= ${pattern}\n`)
    else {
      put.push(pattern)
      to.out(old ? `~ ${pattern}  from ${old.url}\n` : `+ ${pattern}\n`)
    }
  }
  const gone = [...set.values()].filter((h) => h.url === url && !wanted.includes(h.pattern)).map((h) => h.pattern)
  for (const pattern of gone) to.out(`- ${pattern}\n`)
  if (put.length + gone.length === 0) return to.out('Nothing changes.\n')
  if (!values.apply) return to.out('Nothing is changed yet: --apply does it.\n')

  const at = { query: { queue } }
  let [secret] = secretsOf(env('SYMPHONY_WEBHOOK_SECRET') ?? '')
  const given = secret !== undefined
  for (const pattern of put) {
    const timeout = values.timeout === undefined ? undefined : parseDuration(values.timeout, '--timeout')
    const body: HandlerRequest = { url, keepOutput: !values['no-output'], timeout, secret }
    const made: HandlerResponse = await symphony.request('PUT', '/api/symphony/handlers/{id}', { path: { id: pattern }, ...at, body })
    // Where the server makes the secret, all patterns of the route share it.
    secret ??= made.secret
  }
  for (const pattern of gone) {
    await symphony.request('DELETE', '/api/symphony/handlers/{id}', { path: { id: pattern }, ...at })
  }
  to.out(`Done: ${put.length} set, ${gone.length} deleted.\n`)
  if (!given && secret) to.out(`The route verifies pushes with this secret, which is told this once:\n\nSYMPHONY_WEBHOOK_SECRET=${secret}\n`)
}

/** The patterns that a route handles, of which it tells those who prove to have a webhook secret of its, or its key. */
async function patternsOf(url: string): Promise<string[]> {
  const keys: CryptoKey[] = await Promise.all(secretsOf(env('SYMPHONY_WEBHOOK_SECRET') ?? '').map(keyOf))
  const apiKey = env('SYMPHONY_API_KEY')
  if (apiKey) keys.push(await hmacKey(new TextEncoder().encode(apiKey)))
  let status = 0
  for (const key of keys) {
    const headers = await signWith(key, { id: typesId, body: '' })
    const answer = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(30_000) }).catch((cause) => {
      throw new SymphonyError(`${url} does not answer: ${cause.cause?.message ?? cause.message}`, 'network', { cause })
    })
    status = answer.status
    if (answer.ok) {
      const body = (await answer.json().catch(() => ({}))) as { types?: unknown }
      if (Array.isArray(body.types)) return body.types.map(String)
      throw new SymphonyError(`${url} is no route made by serve`, 'not_a_route')
    }
    if (status !== 401) break
  }
  throw new SymphonyError(
    status === 401 || keys.length === 0
      ? `${url} does not tell its types: SYMPHONY_WEBHOOK_SECRET or SYMPHONY_API_KEY must be those of the route`
      : `${url} answers ${status}, not its types`,
    'types_refused',
  )
}
