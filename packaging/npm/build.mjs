// Makes the npm packages of a release: one with the launcher, and one with the program for each platform.
//
//   node packaging/npm/build.mjs VERSION OUT linux-x64=dist/…/symphony win32-x64=dist/…/symphony.exe …
//
// OUT gets a folder for each package, as "npm publish" and "npm pack" take it.
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [version, out, ...programs] = process.argv.slice(2);
if (!version || !out || programs.length === 0) {
  console.error("usage: node build.mjs VERSION OUT PLATFORM-ARCH=FILE…");
  process.exit(2);
}
const here = fileURLToPath(new URL(".", import.meta.url));
const shared = {
  version,
  license: "Apache-2.0",
  repository: { type: "git", url: "git+https://github.com/symphony-messenger/symphony.git" },
};
const write = (folder, manifest) =>
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2) + "\n");

rmSync(out, { recursive: true, force: true });
const optionalDependencies = {};
for (const entry of programs) {
  const [target, file] = entry.split("=");
  const [os, cpu] = target.split("-");
  const name = `@symphony-messenger/cli-${target}`;
  const folder = join(out, `cli-${target}`);
  const program = os === "win32" ? "symphony.exe" : "symphony";
  mkdirSync(folder, { recursive: true });
  copyFileSync(file, join(folder, program));
  chmodSync(join(folder, program), 0o755);
  copyFileSync(join(here, "../../LICENSE"), join(folder, "LICENSE"));
  write(folder, {
    name,
    ...shared,
    description: `The program of Symphony Messenger for ${os} on ${cpu}`,
    os: [os],
    cpu: [cpu],
    files: [program],
    preferUnplugged: true, // a program cannot be run from within an archive
  });
  optionalDependencies[name] = version;
}
const cli = join(out, "cli");
cpSync(join(here, "cli"), cli, { recursive: true });
copyFileSync(join(here, "../../LICENSE"), join(cli, "LICENSE"));
write(cli, {
  name: "@symphony-messenger/cli",
  ...shared,
  description: "Symphony Messenger, a durable message queue: its server and command line",
  type: "module",
  bin: { symphony: "symphony.mjs" },
  files: ["symphony.mjs"],
  engines: { node: ">=20" },
  optionalDependencies,
});
