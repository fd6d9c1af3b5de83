import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Server } from "../../../dashboard/stories/server.ts";
import { Supabase } from "../../../dashboard/stories/supabase.ts";

/** The application as test/run.mjs has installed and built it. */
const folder = process.env.APPLICATION ?? "";

/** The application with its Supabase project and its server of Symphony Messenger, all on free ports of the loopback. */
export class Application {
  private constructor(
    readonly url: string, readonly cronSecret: string, readonly supabase: Supabase, readonly server: Server,
    private readonly process: ChildProcess,
  ) {}

  static async start(): Promise<Application> {
    const supabase = await Supabase.start();
    const url = `http://127.0.0.1:${await freePort()}`;
    const cronSecret = randomBytes(16).toString("hex");
    const shared = { SUPABASE_URL: supabase.url, SUPABASE_ANON_KEY: supabase.anonKey, CRON_SECRET: cronSecret };

    // The server, with the configuration of the example and what differs here.
    const data = await mkdtemp(join(tmpdir(), "symphony-nextjs-server-"));
    await cp(join(folder, "symphony.yaml"), join(data, "symphony.yaml"));
    const server = await Server.at(data, {
      ...shared, SUPABASE_JWT_SECRET: supabase.secret,
      SYMPHONY_PUSH_ALLOWED_ORIGINS: url, SYMPHONY_PUSH_ALLOW_PRIVATE: "true",
    });

    const variables = {
      ...process.env, ...shared, SYMPHONY_URL: server.url, SYMPHONY_API_KEY: await server.newKey("shop", ["dispatch", "read", "operate"]),
      SYMPHONY_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString("base64")}`, NEXT_TELEMETRY_DISABLED: "1",
    };
    const { hostname, port } = new URL(url);
    const next = join(folder, "node_modules/next/dist/bin/next");
    const child = spawn("node", [next, "start", "-H", hostname, "-p", port], { cwd: folder, env: variables, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (log += chunk));
    await server.wait("the application to answer", async () => {
      if (child.exitCode !== null) throw new Error(`next start ended with ${child.exitCode}: ${log}`);
      return fetch(url, { redirect: "manual" }).then(() => true, () => false);
    });

    // As after a deployment.
    const sync = ["--no-install", "symphony", "handlers", "sync", "--url", `${url}/api/symphony`, "--apply"];
    const { stdout } = await promisify(execFile)("npx", sync, { cwd: folder, env: variables });
    if (!stdout.includes("Done: 3 set, 0 deleted.")) throw new Error(`handlers sync: ${stdout}`);
    return new Application(url, cronSecret, supabase, server, child);
  }

  /** Ends all three. */
  async stop() {
    const gone = new Promise((done) => this.process.once("exit", done));
    this.process.kill();
    await gone;
    await this.server.stop();
    await this.supabase.stop();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
