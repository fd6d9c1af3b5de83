import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

// Every program in TypeScript on these pages compiles against the built package, in an application laid out as they say.
const pages = { nextjs: 7, recipes: 7, supabase: 2 } // how many there are at least

const folder = fileURLToPath(new URL('..', import.meta.url))
const at = mkdtempSync(join(tmpdir(), 'symphony-pages-'))
afterAll(() => rmSync(at, { recursive: true, force: true }))

/** What is there where the programs run: Supabase's client, Deno in its Edge Functions, elements of pages. */
const around = `
declare namespace JSX { interface IntrinsicElements { [name: string]: object } }
declare const Deno: { serve(handler: (request: Request) => Promise<Response>): void }
declare const supabase: { auth: { getSession(): Promise<{ data: { session: { access_token: string } | null } }> } }
`

test.each(Object.entries(pages))('the programs of docs/%s.md compile', async (page, least) => {
  const text = readFileSync(new URL(`../../../docs/${page}.md`, import.meta.url), 'utf8')
  const programs = [...text.matchAll(/^```tsx?\n([\s\S]*?)^```$/gm)].map(([, program = ''], i) => ({
    file: /^\/\/ (\S+\.tsx?)\n/.exec(program)?.[1] ?? `program-${i}.ts`,
    program: program.replace('"npm:@', '"@'),
  }))
  expect(programs.length).toBeGreaterThanOrEqual(least)
  const app = join(at, page)
  mkdirSync(join(app, 'node_modules/@symphony-messenger'), { recursive: true })
  mkdirSync(join(app, 'node_modules/@types'))
  symlinkSync(folder, join(app, 'node_modules/@symphony-messenger/client'))
  for (const name of ['zod', '@types/node']) symlinkSync(join(folder, 'node_modules', name), join(app, 'node_modules', name))
  for (const { file, program } of programs) {
    mkdirSync(dirname(join(app, file)), { recursive: true })
    writeFileSync(join(app, file), program.includes('export ') ? program : `${program}\nexport {}\n`)
  }
  writeFileSync(join(app, 'around.d.ts'), around)
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({
    compilerOptions: {
      strict: true, exactOptionalPropertyTypes: true, module: 'esnext', moduleResolution: 'bundler', target: 'es2022',
      lib: ['es2023', 'dom', 'dom.iterable'], noEmit: true, skipLibCheck: true, jsx: 'preserve', types: ['node'], paths: { '@/*': ['./*'] },
    },
    files: [...programs.map(({ file }) => file), 'around.d.ts'],
  }))
  const compiler = join(folder, 'node_modules/typescript-native/bin/tsc')
  const { stdout } = await promisify(execFile)('node', [compiler, '-p', app]).catch((e) => e)
  expect(stdout).toBe('')
})
