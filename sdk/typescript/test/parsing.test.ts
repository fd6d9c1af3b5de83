import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDuration, RawJson, ValidationError } from '../src/index.js'
import { rawElements, rawMember } from '../src/json.js'

describe('durations', () => {
  test.each([
    ['15m', 900_000], ['90s', 90_000], ['1h30m', 5_400_000], ['2d', 172_800_000], ['250ms', 250], ['1.5s', 1500],
    ['0s', 0], ['1.1s', 1100], ['1d2h3m4s5ms', 93_784_005], [1500, 1500], [0, 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each([
    '', '15', '15 m', ' 15m', '15m ', '-1s', '+1s', '1s1m', '1m1m', '15min', '1e3ms', '.5s', '5.s', '0.5ms', '1,5s', '٣s', 's',
    'Infinityd', '999999999999d', -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY,
  ])('%j is refused', (text) => {
    expect(() => parseDuration(text, 'options.delay')).toThrow(ValidationError)
    expect(() => parseDuration(text, 'options.delay')).toThrow(/^options\.delay must be milliseconds/)
  })

  test('whatever is written of whole units is read again', () => {
    const part = (unit: string) => fc.option(fc.nat(1000).map((n) => `${n}${unit}`), { nil: '' })
    fc.assert(
      fc.property(part('d'), part('h'), part('m'), part('s'), part('ms'), (...parts) => {
        fc.pre(parts.join('') !== '')
        const sizes = [86_400_000, 3_600_000, 60_000, 1000, 1]
        const want = parts.reduce((sum, p, i) => sum + Number.parseInt(p || '0', 10) * (sizes[i] as number), 0)
        expect(parseDuration(parts.join(''))).toBe(want)
      }),
    )
  })

  test('no text is read as anything but a whole number of milliseconds, or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.dhms -') }), (text) => {
        try {
          expect(Number.isSafeInteger(parseDuration(text))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(ValidationError)
        }
      }),
    )
  })
})

/** JSON with white space wherever it may be. */
function spaced(value: unknown, space: () => string): string {
  const s = space
  if (Array.isArray(value)) return `[${s()}${value.map((v) => spaced(v, s)).join(`${s()},${s()}`)}${s()}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}${s()}:${s()}${spaced(v, s)}`)
    return `{${s()}${members.join(`${s()},${s()}`)}${s()}}`
  }
  return JSON.stringify(value)
}

describe('raw JSON', () => {
  const spaces = fc.infiniteStream(fc.constantFrom('', ' ', '\n', '\t \r\n'))

  test('a member is what was written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.jsonValue(), spaces, (others, name, value, stream) => {
        const space = () => stream.next().value as string
        const entries = Object.entries(others).filter(([k]) => k !== name)
        const written = spaced(value, space)
        const texts = new Map(entries.map(([k, v]) => [k, spaced(v, space)]))
        const members = [...texts].map(([k, text]) => `${JSON.stringify(k)}:${text}`)
        members.splice(members.length / 2, 0, `${space()}${JSON.stringify(name)}${space()}:${space()}${written}`)
        const text = `${space()}{${members.join(`${space()},`)}${space()}}`
        for (const [k, of] of texts.set(name, written)) expect(rawMember(text, k)).toBe(of)
        if (!texts.has(`${name}?`)) expect(rawMember(text, `${name}?`)).toBeUndefined()
      }),
    )
  })

  test('elements are what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), spaces, (values, stream) => {
        const space = () => stream.next().value as string
        const written = values.map((v) => spaced(v, space))
        expect(rawElements(`${space()}[${space()}${written.join(`${space()},${space()}`)}${space()}]`)).toEqual(written)
      }),
    )
  })

  test('numbers keep their digits', () => {
    expect(rawMember('{"a":"\\"}","payload" : {"n": 12345678901234567890.10 } }', 'payload')).toBe('{"n": 12345678901234567890.10 }')
    expect(rawMember('[1]', 'payload')).toBeUndefined()
    expect(() => new RawJson('{"n": }')).toThrow(SyntaxError)
  })
})
