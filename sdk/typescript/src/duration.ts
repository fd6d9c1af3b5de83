import { ValidationError } from './errors.js'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd'
type Part = `${number}${Unit}`

/**
 * A duration: a number of milliseconds, or a text such as `"90s"`, `"15m"`, `"1h30m"` or `"2d"`. Units are `ms`, `s`,
 * `m`, `h` and `d` (24 hours), from the largest to the smallest, each at most once.
 */
export type Duration = number | Part | `${Part}${Part}` | `${Part}${Part}${Part}`

const units: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/**
 * Reads a duration in milliseconds. Nothing is guessed: a text without a unit, with spaces, a sign or a part of a
 * millisecond is refused.
 *
 * @param path names the value in the error, such as `options.delay`.
 * @throws {ValidationError} if it is no duration.
 */
export function parseDuration(value: number | string, path = 'duration'): number {
  let ms = Number.NaN
  if (typeof value === 'number') ms = value
  else if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) {
    let last = Number.POSITIVE_INFINITY
    ms = 0
    for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
      const size = units[unit as string] as number
      ms = size < last ? ms + Number(amount) * size : Number.NaN
      last = size
    }
    // 1.1 s is 1100.0000000000002 ms in floating point.
    if (Math.abs(ms - Math.round(ms)) < 1e-6) ms = Math.round(ms)
  }
  if (!Number.isSafeInteger(ms) || ms < 0) {
    throw new ValidationError([
      { path, message: `must be milliseconds, or a duration such as "90s" or "1h30m", is ${JSON.stringify(value)}` },
    ])
  }
  return ms
}
