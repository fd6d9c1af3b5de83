/**
 * The trace under which the program runs, from OpenTelemetry's API if the program uses it. The API keeps what was set up
 * in a global of this name, so that all its copies in a program share it. Nothing is imported: bundlers see no package
 * that may be missing.
 */
interface Telemetry {
  context?: { active(): unknown; with<T>(context: unknown, run: () => T): T }
  propagation?: {
    inject(context: unknown, carrier: Record<string, string>, setter: object): void
    extract(context: unknown, carrier: Headers | Record<string, unknown>, getter: object): unknown
  }
}

const setter = {
  set(carrier: Record<string, string>, key: string, value: string) {
    carrier[key] = value
  },
}

const getter = {
  keys: (carrier: Record<string, unknown>) => Object.keys(carrier),
  get(carrier: Record<string, unknown>, key: string) {
    const value = carrier[key]
    return typeof value === 'string' ? value : undefined
  },
}

const telemetry = (): Telemetry | undefined =>
  (globalThis as { [key: symbol]: Telemetry | undefined })[Symbol.for('opentelemetry.js.api.1')]

/** Adds the headers by which the server continues the trace: `traceparent`, `tracestate`. */
export function injectTrace(headers: Record<string, string>): void {
  const api = telemetry()
  if (api?.propagation && api.context) api.propagation.inject(api.context.active(), headers, setter)
}

/** Runs a handler within the trace that its message carries. */
export function withTrace<T>(headers: Readonly<Record<string, unknown>>, run: () => T): T {
  const api = telemetry()
  if (!api?.propagation || !api.context) return run()
  return api.context.with(api.propagation.extract(api.context.active(), { ...headers }, getter), run)
}
