import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../../../', import.meta.url))

/** The program under test: the one that SYMPHONY_PROGRAM names, or one that is built. */
export function program(): string {
  const given = process.env.SYMPHONY_PROGRAM
  if (given) return given
  const built = join(repository, 'bin', 'symphony')
  execFileSync('go', ['build', '-o', built, './cmd/symphony'], { cwd: repository, env: { ...process.env, CGO_ENABLED: '0' } })
  process.env.SYMPHONY_PROGRAM = built
  return built
}

/** A real server in a folder of its own. */
export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), 'symphony-sdk-'))
  readonly port: number
  key = ''
  #process: ChildProcess | undefined

  private constructor(port: number, config: string) {
    this.port = port
    writeFileSync(join(this.folder, 'symphony.yaml'), config)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts a server with a configuration, on a free port that it keeps when it is started again. */
  static async start(config = '', args: string[] = [], files: Record<string, string> = {}): Promise<Server> {
    const server = new Server(await freePort(), config)
    for (const [name, text] of Object.entries(files)) writeFileSync(join(server.folder, name), text)
    await server.restart(args)
    const printed = execFileSync(program(), ['keys', 'create', 'sdk', '--scopes', 'admin', '--json'], {
      cwd: server.folder, encoding: 'utf8', env: clean,
    })
    server.key = JSON.parse(printed).secret
    return server
  }

  /** Starts it, and waits until it is ready. */
  async restart(args: string[] = []): Promise<void> {
    const child = spawn(program(), ['serve', '--addr', `127.0.0.1:${this.port}`, ...args], {
      cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'], env: clean,
    })
    this.#process = child
    let output = ''
    child.stdout?.on('data', (chunk) => {
      output += chunk
    })
    child.stderr?.on('data', (chunk) => {
      output += chunk
    })
    for (const end = Date.now() + 20_000; ; ) {
      const ready = await fetch(`${this.url}/readyz`).then((r) => r.ok, () => false)
      if (ready) return
      if (child.exitCode !== null || Date.now() > end) throw new Error(`the server did not start:\n${output}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** Kills it, as the system does when memory runs out. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    await new Promise((resolve) => {
      child.once('exit', resolve)
      child.kill(signal)
    })
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const clean = { PATH: process.env.PATH ?? '', HOME: tmpdir() }

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
