interface Globals {
  process?: {
    env?: Record<string, string | undefined>
    versions?: { node?: string }
    on?: (event: string, listener: () => void) => void
    off?: (event: string, listener: () => void) => void
  }
  Deno?: { env: { get(name: string): string | undefined } }
  document?: unknown
}

/** What a runtime has beside the web's own. */
export const globals = globalThis as Globals

/** A variable of the environment, where there is one; undefined where it is empty, too. */
export function env(name: string): string | undefined {
  const value = globals.process?.env?.[name] ?? fromDeno(name)
  return value?.trim() || undefined
}

function fromDeno(name: string): string | undefined {
  try {
    return globals.Deno?.env.get(name)
  } catch {
    return undefined // the program may not read its environment
  }
}

/** Whether this is a page in a browser, where everybody reads what the program has. */
export function inBrowser(): boolean {
  return globals.document !== undefined && globals.process?.versions?.node === undefined
}
