#!/usr/bin/env node
// Runs the program for this machine, which npm has installed as an optional package of this one.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);

// What works on an application and not on the server, @symphony-messenger/client does, whose command has the same name.
const command = process.argv.slice(2, 4).join(" ");
if (command === "handlers sync" || command === "types generate") {
  let client;
  try {
    client = join(require.resolve("@symphony-messenger/client/package.json"), "../dist/cli.mjs");
  } catch {
    console.error(`symphony: "${command}" is a command of @symphony-messenger/client: install it, too.`);
    process.exit(2);
  }
  await import(pathToFileURL(client));
} else {
  launch();
}

function launch() {
  const name = `@symphony-messenger/cli-${process.platform}-${process.arch}`;
  let program;
  try {
    program = require.resolve(`${name}/symphony${process.platform === "win32" ? ".exe" : ""}`);
  } catch {
    console.error(
      `symphony: the package ${name} is not installed. Either there is no program for ${process.platform} on ` +
        `${process.arch}, or optional packages were left out (npm install --omit=optional): install it by its name, or ` +
        "build the program with Go.",
    );
    process.exit(1);
  }

  const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
  child.on("error", (err) => {
    console.error(`symphony: ${program} cannot be run: ${err.message}`);
    process.exit(1);
  });
  // A terminal sends Ctrl-C to both; the program decides when it is over. Others send signals to this process alone.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}
