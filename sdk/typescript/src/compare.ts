const utf8 = new TextEncoder()

/** Whether two texts are the same, in a time that says nothing about where they differ. */
export async function same(a: string, b: string): Promise<boolean> {
  const hash = (text: string) => crypto.subtle.digest('SHA-256', utf8.encode(text))
  const [x, y] = (await Promise.all([hash(a), hash(b)])).map((digest) => new Uint8Array(digest))
  let differ = 0
  x?.forEach((byte, i) => {
    differ |= byte ^ (y?.[i] ?? 0)
  })
  return differ === 0
}
