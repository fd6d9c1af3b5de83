import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { patternProblem, Patterns } from '../src/patterns.js'

interface Table {
  patterns: { pattern: string; valid: boolean }[]
  matches: { patterns: string[]; type: string; wins: string | null }[]
}

// The Go test TestPatterns_as_in_the_table reads the same.
const table: Table = JSON.parse(readFileSync(new URL('../../testdata/patterns.json', import.meta.url), 'utf8'))

test.each(table.patterns)('$pattern is a pattern: $valid', ({ pattern, valid }) => {
  expect(patternProblem(pattern) === undefined).toBe(valid)
})

test.each(table.matches)('$type among $patterns goes to $wins', ({ patterns, type, wins }) => {
  expect(new Patterns(Object.fromEntries(patterns.map((p) => [p, p]))).match(type) ?? null).toBe(wins)
})

test('a pattern may have 255 characters', () => {
  expect(patternProblem('🎺'.repeat(255))).toBeUndefined()
  expect(patternProblem('🎺'.repeat(256))).toMatch('at most 255')
})
