import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, unique } from "./fixtures.ts";
import { Server } from "./server.ts";

/** A proxy in front of a server, which knows it under a path and takes that off. */
async function proxy(prefix: string, to: string) {
  const http = createServer((req, res) => {
    if (!req.url?.startsWith(prefix + "/")) return void res.writeHead(404).end();
    const on = request(to + req.url.slice(prefix.length), { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(res);
    });
    on.on("error", () => res.destroy());
    res.on("close", () => on.destroy());
    req.pipe(on);
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    stop: () => new Promise((done) => http.close(done).closeAllConnections()),
  };
}

test("behind a proxy that takes a prefix off, all is as without", async ({ page, at, server, expectErrors }) => {
  const { url, stop } = await proxy("/tools/queue", server.url);
  at.origins.push(url);
  expectErrors(/401/); // who is signed in, while nobody is
  const type = unique("nobody.proxied");
  await page.context().clearCookies();
  await page.goto(`${url}/tools/queue/dashboard/messages?type=${type}`);
  await page.getByLabel("API key", { exact: true }).fill(server.key);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page).toHaveURL(`${url}/tools/queue/dashboard/messages?type=${type}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Messages");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const id = await server.dispatch(type); // which is told by the stream
  await page.getByRole("button", { name: "1 new message: show" }).click();
  await page.getByRole("row").filter({ hasText: type }).click();
  await expect(page).toHaveURL(new RegExp(`^${url}/tools/queue/dashboard/messages/${id}`));
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(type);
  await page.getByRole("link", { name: "API", exact: true }).click();
  await expect(page).toHaveURL(`${url}/tools/queue/dashboard/api`);
  await expect(page.getByRole("link", { name: "OpenAPI document" })).toHaveAttribute("href", /^(?!\/openapi)/);
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByLabel("API key", { exact: true })).toBeVisible();
  await page.goto("about:blank");
  await stop();
});

test("the dashboard of another installation is one step away", async ({ page, at, open, signIn, server, expectErrors }) => {
  expectErrors(/401/); // nobody is signed in there
  const folder = await mkdtemp(join(tmpdir(), "symphony-stories-"));
  await writeFile(join(folder, "symphony.yaml"), `dashboard: { servers: [{ name: Production, url: "${server.url}/dashboard" }] }\n`);
  const here = await Server.at(folder, {});
  try {
    at.server = here;
    at.origins.push(here.url);
    await signIn(here.key);
    await open("/");
    await page.getByRole("button", { name: "Other installations" }).click();
    await page.getByRole("menuitem", { name: "Production" }).click();
    await expect(page).toHaveURL(`${server.url}/dashboard/login?to=%2F`);
    await page.goto("about:blank");
  } finally {
    await here.stop();
  }
});
