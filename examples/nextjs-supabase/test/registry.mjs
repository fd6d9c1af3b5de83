// A registry of npm on the loopback interface that has the packages of this repository, as they are built here. So
// the application is installed by the commands of its README, whether or not a version is published.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, "../../..");

/**
 * Builds and packs the packages into a folder and serves them.
 *
 * @param {string} folder is made
 * @param {string} program the built server, which the package of the command line has for this platform
 * @returns {Promise<{ url: string, variables: Record<string, string>, stop: () => void }>} variables has npm ask it
 */
export async function startRegistry(folder, program) {
  await mkdir(folder, { recursive: true });
  const built = [];
  for (const name of ["typescript", "react"]) {
    const at = join(repository, "sdk", name);
    if (!existsSync(join(at, "node_modules"))) await run("npm", ["ci", "--no-audit", "--no-fund", "--silent"], { cwd: at });
    await run("npm", ["run", "--silent", "build"], { cwd: at });
    built.push(at);
  }
  const { version } = JSON.parse(await readFile(join(built[0], "package.json"), "utf8"));
  const cli = join(folder, "cli");
  const platform = `${process.platform}-${process.arch}`;
  await run("node", [join(repository, "packaging/npm/build.mjs"), version, cli, `${platform}=${program}`]);
  built.push(join(cli, "cli"), join(cli, `cli-${platform}`));

  const packages = new Map();
  for (const at of built) {
    const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
    const [{ name, filename, integrity }] = JSON.parse((await run("npm", args, { cwd: at })).stdout);
    const manifest = JSON.parse(await readFile(join(at, "package.json"), "utf8"));
    packages.set(name, { manifest, integrity, file: await readFile(join(folder, filename)) });
  }

  const server = createServer((request, response) => {
    const [, scope = "", name = "", part] = decodeURIComponent(request.url ?? "").split("/");
    const found = packages.get(`${scope}/${name}`);
    if (!found) return response.writeHead(404).end("{}");
    if (part === "-") return response.end(found.file);
    const dist = {
      tarball: `${url}/${scope}/${name}/-/${name}.tgz`, integrity: found.integrity,
      shasum: createHash("sha1").update(found.file).digest("hex"),
    };
    const { version } = found.manifest;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({
      name: found.manifest.name, "dist-tags": { latest: version }, versions: { [version]: { ...found.manifest, dist } },
    }));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    variables: { "npm_config_@symphony-messenger:registry": url },
    stop: () => server.close().closeAllConnections(),
  };
}
