import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Server } from './server.js'

// Every program in docs/typescript.md compiles against the built package; those marked "run" run with a real server.
const folder = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(new URL('../../../docs/typescript.md', import.meta.url), 'utf8')
const programs = [...page.matchAll(/^```(tsx?)(.*)\n([\s\S]*?)^```$/gm)].map(([, , marks = '', text = '']) => ({
  file: /file=(\S+)/.exec(marks)?.[1] as string, runs: / run\b/.test(marks), text,
}))
const at = mkdtempSync(join(tmpdir(), 'symphony-guide-'))
let server: Server

beforeAll(async () => {
  server = await Server.start('') // as a newcomer starts it: its workers take all that is due
  writeFileSync(join(at, 'package.json'), '{"type": "module"}')
  mkdirSync(join(at, 'node_modules/@symphony-messenger'), { recursive: true })
  mkdirSync(join(at, 'node_modules/@types'))
  symlinkSync(folder, join(at, 'node_modules/@symphony-messenger/client'))
  for (const name of ['zod', 'express', '@types/node', '@types/express']) symlinkSync(join(folder, 'node_modules', name), join(at, 'node_modules', name))
  for (const { file, text } of programs) {
    writeFileSync(join(at, file), text)
    const { outputText } = ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } })
    writeFileSync(join(at, file.replace(/\.tsx?$/, '.js')), outputText)
  }
})
afterAll(async () => {
  await server?.stop()
  rmSync(at, { recursive: true, force: true })
})

test('every program of the guide has a file, and compiles', async () => {
  expect(programs.length).toBeGreaterThan(12)
  expect(programs.map((p) => p.file)).not.toContain(undefined)
  // Components are compiled by the tests of their own package.
  const files = programs.map((p) => p.file).filter((f) => f.endsWith('.ts'))
  writeFileSync(join(at, 'tsconfig.json'), JSON.stringify({
    compilerOptions: {
      strict: true, exactOptionalPropertyTypes: true, module: 'nodenext', target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'], noEmit: true,
      skipLibCheck: true, types: ['node'],
    },
    files,
  }))
  const { stdout } = await promisify(execFile)('node', [join(folder, 'node_modules/typescript-native/bin/tsc'), '-p', at]).catch((e) => e)
  expect(stdout).toBe('')
})

test.each(programs.filter((p) => p.runs))('$file runs', async ({ file }) => {
  const env = { PATH: process.env.PATH, SYMPHONY_URL: server.url, SYMPHONY_API_KEY: server.key }
  const run = promisify(execFile)('node', [file.replace(/\.ts$/, '.js')], { cwd: at, env })
  await expect(run).resolves.toMatchObject({ stderr: '' })
})
