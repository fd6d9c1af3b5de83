// Checks the built package as its users get it: publint, arethetypeswrong, and the size of its main entry.
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { rolldown } from 'rolldown'

/** The most bytes of the main entry with all that it imports, minified and compressed by gzip. */
const maxBytes = 12_000

const folder = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
const problems = []

for (const message of (await publint({ pkgDir: folder, strict: true })).messages) {
  problems.push(`publint: ${formatMessage(message, manifest)}`)
}

const packed = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts'], { cwd: folder, encoding: 'utf8' }))[0]
const types = await checkPackage(createPackageFromTarballData(readFileSync(`${folder}/${packed.filename}`)))
rmSync(`${folder}/${packed.filename}`)
// The resolution of before Node 12 knows no exports; Node 20 is the oldest that the package supports.
for (const problem of types.problems.filter((p) => p.resolutionKind !== 'node10')) {
  problems.push(`arethetypeswrong: ${JSON.stringify(problem)}`)
}

const bundle = await rolldown({ input: `${folder}/dist/index.mjs` })
const { output } = await bundle.generate({ minify: true })
const size = gzipSync(output[0].code, { level: 9 }).length
if (size > maxBytes) problems.push(`the main entry has ${size} bytes compressed, more than ${maxBytes}`)

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
console.log(`${manifest.name} ${manifest.version}: ${size} bytes compressed, ${packed.size} packed, ${packed.files.length} files`)
