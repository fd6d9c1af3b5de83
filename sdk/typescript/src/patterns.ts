import { ConfigurationError } from './errors.js'

/** Every `Prefix.*` that a type has, and `*`. */
export type PatternsOf<T extends string> = '*' | PrefixOf<T>
type PrefixOf<T extends string> = T extends `${infer Head}.${infer Rest}` ? `${Head}.*` | `${Head}.${PrefixOf<Rest>}` : never

/** The types among T that a pattern matches. */
export type Matching<T extends string, P extends string> = string extends T
  ? string // nothing is declared
  : P extends '*'
    ? T
    : P extends `${infer Prefix}*`
      ? Extract<T, `${Prefix}${string}`>
      : Extract<T, P>

/** The most characters of a type or pattern. */
const maxLength = 255

/** What Go's unicode.IsPrint takes: letters, marks, numbers, punctuation, symbols and the ASCII space. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u

/** Why a text is no pattern, undefined if it is one. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern === '') return 'is empty'
  if (!printable.test(pattern) || [...pattern].length > maxLength) {
    return `must have at most ${maxLength} characters, all of them printable`
  }
  const star = pattern.indexOf('*')
  if (star < 0 || pattern === '*') return undefined
  if (star === pattern.length - 1 && pattern.endsWith('.*') && pattern.length > 2) return undefined
  return '"*" may stand alone or end a pattern as ".*"'
}

/**
 * Values by patterns of types: an exact type, `Prefix.*`, or `*`. The most specific match wins, as on the server: exact,
 * then the longest prefix, then `*`.
 */
export class Patterns<V> {
  readonly #exact = new Map<string, V>()
  readonly #prefixes: [string, V][] = []

  /** @throws {ConfigurationError} naming a key that is no pattern. */
  constructor(values: Readonly<Record<string, V | undefined>>) {
    for (const [pattern, value] of Object.entries(values)) {
      if (value === undefined) continue
      const problem = patternProblem(pattern)
      if (problem) throw new ConfigurationError(`pattern ${JSON.stringify(pattern)}: ${problem}`, 'pattern_invalid')
      if (pattern.endsWith('*')) this.#prefixes.push([pattern.slice(0, -1), value])
      else this.#exact.set(pattern, value)
    }
    this.#prefixes.sort((a, b) => b[0].length - a[0].length)
  }

  /** The value of the most specific pattern for a type. */
  match(type: string): V | undefined {
    return this.#exact.get(type) ?? this.#prefixes.find(([prefix]) => type.startsWith(prefix))?.[1]
  }
}
