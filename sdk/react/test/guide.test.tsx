// @vitest-environment node
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

// The components in docs/typescript.md compile; its other programs are those of the client's tests.
const root = join(import.meta.dirname, '..')
const at = mkdtempSync(join(root, 'test/guide-'))
afterAll(() => rmSync(at, { recursive: true, force: true }))

test('the components of the guide compile', async () => {
  const page = readFileSync(join(root, '../../docs/typescript.md'), 'utf8')
  const programs = [...page.matchAll(/^```tsx file=(\S+).*\n([\s\S]*?)^```$/gm)]
  expect(programs.length).toBeGreaterThan(0)
  for (const [, file = '', text = ''] of programs) writeFileSync(join(at, file), text)
  writeFileSync(join(at, 'tsconfig.json'), JSON.stringify({
    extends: '../../tsconfig.json', compilerOptions: { paths: { '@symphony-messenger/react': ['../../src/index.ts'] } }, include: ['*.tsx'],
  }))
  const tsc = join(root, 'node_modules/typescript-native/bin/tsc')
  const { stdout } = await promisify(execFile)('node', [tsc, '-p', at]).catch((error) => error)
  expect(stdout).toBe('')
})
