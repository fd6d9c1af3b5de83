#!/usr/bin/env node
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { knows, main } from './cli.js'

const args = process.argv.slice(2)
// The program itself has a package whose command is called "symphony", too. Where both are installed either command has all.
const launcher = knows(args) ? undefined : beside('@symphony-messenger/cli', 'symphony.mjs')
if (launcher) await import(launcher)
else {
  process.exitCode = await main(args, {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  })
}

/** The URL of a file of a package that is installed beside this one. */
function beside(name: string, file: string): string | undefined {
  try {
    return pathToFileURL(join(createRequire(import.meta.url).resolve(`${name}/package.json`), '..', file)).href
  } catch {
    return undefined
  }
}
