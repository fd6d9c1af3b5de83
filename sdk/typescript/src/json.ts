/**
 * A payload that is JSON already, and is sent byte for byte: for numbers with more digits than JavaScript keeps.
 *
 * ```ts
 * await symphony.dispatch("ledger.booked", new RawJson('{"amount": 12345678901234567890}'))
 * ```
 */
export class RawJson {
  readonly text: string

  /** @throws {SyntaxError} if the text is no JSON. */
  constructor(text: string) {
    JSON.parse(text)
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

const space = /[ \t\n\r]*/y
const scalar = /[^,\]} \t\n\r]+/y

/** Where a value that begins at `i` ends. The text must be valid JSON. */
function end(text: string, i: number): number {
  const first = text.charCodeAt(i)
  if (first === 34) return endOfString(text, i)
  if (first !== 123 && first !== 91) {
    scalar.lastIndex = i
    scalar.test(text)
    return scalar.lastIndex
  }
  for (let depth = 0; ; i++) {
    const c = text.charCodeAt(i)
    if (c === 34) i = endOfString(text, i) - 1
    else if (c === 123 || c === 91) depth++
    else if ((c === 125 || c === 93) && --depth === 0) return i + 1
  }
}

function endOfString(text: string, i: number): number {
  for (;;) {
    i = text.indexOf('"', i + 1)
    let slashes = 0
    while (text.charCodeAt(i - 1 - slashes) === 92) slashes++
    if (slashes % 2 === 0) return i + 1
  }
}

function skip(text: string, i: number): number {
  space.lastIndex = i
  space.test(text)
  return space.lastIndex
}

/**
 * The text of a member of a JSON object, as it is written there: with every digit and space. The text must be valid
 * JSON; undefined if it is no object or has no such member.
 */
export function rawMember(text: string, name: string): string | undefined {
  let i = skip(text, 0)
  if (text[i] !== '{') return undefined
  for (i = skip(text, i + 1); text[i] !== '}'; i = skip(text, i)) {
    const key = text.slice(i, (i = endOfString(text, i)))
    i = skip(text, skip(text, i) + 1)
    const from = i
    i = end(text, i)
    if (JSON.parse(key) === name) return text.slice(from, i)
    i = skip(text, i)
    if (text[i] === ',') i++
  }
  return undefined
}

/** The texts of the elements of a JSON array. The text must be valid JSON and an array. */
export function rawElements(text: string): string[] {
  const list: string[] = []
  let i = skip(text, skip(text, 0) + 1)
  while (text[i] !== ']') {
    const from = i
    i = end(text, i)
    list.push(text.slice(from, i))
    i = skip(text, i)
    if (text[i] === ',') i = skip(text, i + 1)
  }
  return list
}
