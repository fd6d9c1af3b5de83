// Tests the application as somebody has it who copies the folder: installed from a registry, built, and started, with the
// server that SYMPHONY_PROGRAM names, in Chromium.
import { spawn } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { startRegistry } from "./registry.mjs";

const here = resolve(import.meta.dirname, "..");
const program = process.env.SYMPHONY_PROGRAM;
if (!program) throw new Error("SYMPHONY_PROGRAM must be the built server: make build makes bin/symphony");
delete process.env.SYMPHONY_PROGRAM; // the server refuses variables that it does not know

const folder = await mkdtemp(join(tmpdir(), "symphony-nextjs-"));
const application = join(folder, "application");
const left = new Set(["node_modules", ".next", ".env.local", "test"]);
let registry;
try {
  await cp(here, application, { recursive: true, filter: (file) => file === here || !left.has(basename(file)) });
  registry = await startRegistry(join(folder, "packages"), resolve(program));
  const quiet = ["--no-audit", "--no-fund", "--silent"];
  await run("npm", ["ci", ...quiet], application, registry.variables);
  await run("npm", ["run", "--silent", "build"], application, { NEXT_TELEMETRY_DISABLED: "1" });
  await run("npm", ["ci", ...quiet], import.meta.dirname);
  await run("npx", ["--no-install", "tsc"], import.meta.dirname);
  await run("npx", ["--no-install", "playwright", "test"], import.meta.dirname, {
    APPLICATION: application, E2E_PROGRAM: resolve(program),
  });
} finally {
  registry?.stop();
  await rm(folder, { recursive: true, force: true });
}

/** Runs a program to its end, which must be a good one. */
async function run(name, args, cwd, variables = {}) {
  const child = spawn(name, args, { cwd, stdio: "inherit", env: { ...process.env, ...variables } });
  const code = await new Promise((done, failed) => child.once("error", failed).once("exit", done));
  if (code !== 0) throw new Error(`${name} ${args.join(" ")} ended with ${code}`);
}
