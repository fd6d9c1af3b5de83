import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/** The program under test: what `make build` makes, or what E2E_PROGRAM names. */
export const program = process.env.E2E_PROGRAM ?? resolve(import.meta.dirname, "../../bin/symphony");

/** The database of this process of the tests; undefined where each server has a file. */
const database = process.env.STORAGE_URL?.split(" ")[Number(process.env.TEST_PARALLEL_INDEX ?? 0)];

/** What a webhook answers: a status, a body, and after how many milliseconds. */
export type Answer = { status: number; body?: unknown; after?: number };

/** An endpoint of an application, which answers what a story says. */
export class Receiver {
  readonly got: { path: string; body: string }[] = [];
  private answers: (path: string, body: string) => Answer | Promise<Answer> = () => ({ status: 204 });
  private constructor(private readonly http: HttpServer) {}

  static async start(): Promise<Receiver> {
    const http = createServer((req, res) => void receiver.take(req).then((a) => setTimeout(() => {
      res.writeHead(a.status, a.body === undefined ? {} : { "content-type": "application/json" });
      res.end(a.body === undefined ? undefined : JSON.stringify(a.body));
    }, a.after ?? 0)));
    const receiver = new Receiver(http);
    await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** Has it answer so from now on, at once or when a story says. */
  answer(with_: Answer | ((path: string, body: string) => Answer | Promise<Answer>)) {
    this.answers = typeof with_ === "function" ? with_ : () => with_;
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }

  private async take(req: IncomingMessage): Promise<Answer> {
    let body = "";
    for await (const chunk of req) body += chunk;
    this.got.push({ path: req.url ?? "", body });
    return this.answers(req.url ?? "", body);
  }
}

/** A running server with a database of its own, the key that its first start printed, and a receiver for its webhooks. */
export class Server {
  private process!: ChildProcess;
  url = "";
  private constructor(
    readonly folder: string, readonly receiver: Receiver, readonly key: string, private readonly environment: NodeJS.ProcessEnv, private readonly flags: string[] = [],
  ) {}

  /** Starts one. more is put behind the configuration that all stories share; fresh leaves alone the database that the environment names, variables are added to it. */
  static async start(more = "", fresh = false, variables: NodeJS.ProcessEnv = {}): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), "symphony-stories-"));
    const receiver = await Receiver.start();
    await writeFile(join(folder, "symphony.yaml"), configuration(receiver.url) + more);
    await writeFile(join(folder, "order.json"), JSON.stringify(orderSchema));
    const environment = { ...process.env, ...(database && !fresh ? { SYMPHONY_DATABASE_URL: database } : {}), SYMPHONY_SERVER_ADDR: "127.0.0.1:0", ...variables };
    const key = await createKey(folder, environment);
    const server = new Server(folder, receiver, key, environment);
    await server.run();
    return server;
  }

  /** Starts one on what is there already: a folder with a database, or a database that the environment names, with flags for `symphony serve`. */
  static async at(folder: string, more: NodeJS.ProcessEnv, flags: string[] = []): Promise<Server> {
    const environment = { ...process.env, ...more, SYMPHONY_SERVER_ADDR: "127.0.0.1:0" };
    const server = new Server(folder, await Receiver.start(), await createKey(folder, environment), environment, flags);
    await server.run();
    return server;
  }

  /** Ends the program and leaves its folder as it is. */
  async leave() {
    await this.kill();
    await this.receiver.stop();
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Starts the program, again after kill, at the same address. */
  async run() {
    const env = { ...this.environment, ...(this.url ? { SYMPHONY_SERVER_ADDR: new URL(this.url).host } : {}) };
    this.process = spawn(program, ["serve", ...this.flags], { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"] });
    this.url = await new Promise<string>((done, failed) => {
      let out = "";
      const read = (chunk: Buffer) => {
        out += chunk;
        const at = /msg=listening url=(http:\/\/[^\s]+)/.exec(out);
        if (at) done(at[1]!);
      };
      this.process.stdout!.on("data", read);
      this.process.stderr!.on("data", read);
      this.process.once("exit", (code) => failed(new Error(`the server ended with ${code}: ${out}`)));
    });
  }

  /** Ends the program at once, as a crash does. */
  async kill() {
    const gone = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGKILL");
    await gone;
  }

  async stop() {
    await this.leave();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Calls the API with the server's first key, or another one. Throws what is no success. */
  async call<T = any>(method: string, path: string, body?: unknown, key = this.key): Promise<T> {
    const response = await fetch(this.url + path, {
      method, headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return JSON.parse(answer) as T;
  }

  /** Dispatches one message and tells its id. */
  async dispatch(type: string, payload: object = {}, options: object = {}): Promise<string> {
    return (await this.call("POST", "/api/symphony/dispatch", { message: { type, payload }, options })).messageId;
  }

  /** Waits until a message has a status. */
  async until(id: string, status: string) {
    await this.wait(`${id} to be ${status}`, async () => (await this.call("GET", `/api/symphony/messages/${id}`)).message.status === status);
  }

  /** Asks again and again until it is so, for up to 20 s. */
  async wait(what: string, so: () => Promise<boolean>) {
    for (const end = Date.now() + 20_000; !(await so()); ) {
      if (Date.now() > end) throw new Error(`still waiting for ${what}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Makes a key with scopes. */
  async newKey(name: string, scopes: string[]): Promise<string> {
    return (await this.call("POST", "/api/symphony/keys", { name, scopes })).secret;
  }
}

/** Makes the database where there is none yet, and a key for its API. */
async function createKey(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const run = promisify(execFile);
  await run(program, ["migrate"], { cwd: folder, env });
  const { stdout } = await run(program, ["keys", "create", "stories", "--scopes", "admin", "--json"], { cwd: folder, env });
  return JSON.parse(stdout).secret;
}

const orderSchema = {
  type: "object", required: ["id", "amount"],
  properties: {
    id: { type: "string", minLength: 1 }, amount: { type: "number", minimum: 0 }, express: { type: "boolean" },
    currency: { enum: ["EUR", "USD"] }, address: { type: "object", properties: { street: { type: "string" }, zip: { type: "string" } } },
  },
};

// What every story can use: mail.* succeeds, broken.* fails for good, webhook.* does what the receiver says and is
// retried twice, report.* keeps its output, order.* has a schema; nobody.* has no handler at all, so that it fails unless
// it is dispatched for later.
const configuration = (receiver: string) => `
server:
  access_log: false
worker:
  continuous:
    concurrency: 8
handlers:
  - type: mail.*
    command: { run: ["true"] }
  - type: order.*
    command: { run: ["true"] }
  - type: broken.*
    command: { run: ["sh", "-c", "echo 'no such customer' >&2; exit 64"], fail_exit_codes: [64] }
  - type: webhook.*
    http: { url: ${receiver}/webhook }
    retry: { max_retries: 2, initial_delay: 50ms, jitter: 0 }
  - type: report.*
    http: { url: ${receiver}/report }
    keep_output: true
types:
  order.*:
    schema: order.json
  card.*:
    redact: ["card.number"]
dashboard:
  environment: { name: Stories, color: purple }
  trace_url: https://traces.example.com/trace/{traceId}
schedules:
  - name: nightly
    cron: "0 3 * * *"
    timezone: Europe/Berlin
    type: mail.digest
    payload: {}
`;
