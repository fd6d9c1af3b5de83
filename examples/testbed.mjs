// What the tests of the examples share: a copy of an example that has the client as npm would bring it, and processes.
import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('..', import.meta.url))

/** How long anything here may take, in milliseconds, on a machine that is busy. */
const patience = 60_000

/** A copy of an example, with its packages and, packed and unpacked, the client of this repository. */
export class Testbed {
  folder = mkdtempSync(join(tmpdir(), 'symphony-example-'))
  /** What all processes get, and nothing else of this one's environment. */
  env = { PATH: process.env.PATH, HOME: this.folder }
  /** The program of the server. */
  program = process.env.SYMPHONY_PROGRAM ?? join(repository, 'bin/symphony')
  /** The server's URL, after `serve`. */
  url
  #processes = []

  /** Copies the example in a folder, and builds it. */
  static async make(example) {
    const bed = new Testbed()
    const copied = (from) => !relative(example, from).startsWith('dist') && !from.endsWith('@symphony-messenger')
    cpSync(example, bed.folder, { recursive: true, verbatimSymlinks: true, filter: copied })
    const sdk = join(repository, 'sdk/typescript')
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', bed.folder], { cwd: sdk })
    const client = join(bed.folder, 'node_modules/@symphony-messenger/client')
    mkdirSync(client, { recursive: true })
    await run('tar', ['-xzf', join(bed.folder, JSON.parse(stdout)[0].filename), '--strip-components=1', '-C', client])
    await bed.run('npm', 'run', '--silent', 'build')
    return bed
  }

  /** Runs a program in the copy, and returns its standard output. */
  async run(program, ...args) {
    try {
      return (await run(program, args, { cwd: this.folder, env: this.env, timeout: patience })).stdout
    } catch (error) {
      throw new Error(`${program} ${args.join(' ')}:\n${error.stdout}${error.stderr}`)
    }
  }

  /** Starts a program in the copy, and waits for what it prints when it is ready. It is killed at the end. */
  async start(ready, program, ...args) {
    const started = new Started(spawn(program, args, { cwd: this.folder, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] }))
    this.#processes.push(started)
    await started.prints(ready)
    return started
  }

  /** Starts the server, with the configuration of the example, and gives processes its URL and a key with these scopes. */
  async serve(scopes, env = {}) {
    const addr = `127.0.0.1:${await freePort()}`
    this.env = { ...this.env, ...env }
    await this.start(/http:\/\/127/, this.program, 'serve', '--addr', addr)
    this.url = `http://${addr}`
    await until(`the server is ready`, () => fetch(`${this.url}/readyz`).then((r) => r.ok, () => false))
    const key = JSON.parse(await this.run(this.program, 'keys', 'create', 'app', '--scopes', scopes, '--json'))
    this.env = { ...this.env, SYMPHONY_URL: this.url, SYMPHONY_API_KEY: key.secret }
  }

  /** Kills what still runs, and removes the copy. */
  async end() {
    await Promise.all(this.#processes.map((p) => p.stop('SIGKILL')))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A process that was started, and what it has printed. */
class Started {
  output = ''
  #child
  #ended
  #watchers = new Set()

  constructor(child) {
    this.#child = child
    const add = (chunk) => {
      this.output += chunk
      for (const look of this.#watchers) look()
    }
    child.stdout.on('data', add)
    child.stderr.on('data', add)
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => {
        resolve(code)
        for (const look of this.#watchers) look(true)
      })
    })
  }

  /** Waits until it has printed something, and returns what matches. */
  prints(pattern) {
    return new Promise((resolve, reject) => {
      const end = (settle, value) => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        settle(value)
      }
      const look = (ended) => {
        const found = pattern.exec(this.output)
        if (found) end(resolve, found)
        else if (ended) end(reject, new Error(`it ended without printing ${pattern}:\n${this.output}`))
      }
      const timer = setTimeout(() => end(reject, new Error(`it does not print ${pattern}:\n${this.output}`)), patience)
      this.#watchers.add(look)
      look(this.#child.exitCode !== null || this.#child.signalCode !== null)
    })
  }

  kill(signal) {
    this.#child.kill(signal)
  }

  /** Sends a signal, and returns the exit code: null if the signal has ended it. */
  stop(signal) {
    this.kill(signal)
    return this.#ended
  }
}

/** Asks until the answer is true, and returns it. */
export async function until(what, ask) {
  for (const end = Date.now() + patience; Date.now() < end; ) {
    const answer = await ask()
    if (answer) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`in vain: ${what}`)
}

/** A port of the loopback interface that nobody listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
