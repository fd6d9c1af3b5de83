// How long each page's first screen waits for the server, on a database of your own, such as one of ten million messages:
//
//   (cd bench/find && go run . -n 10000000 -storages sqlite -keep /tmp/many)   # or a PostgreSQL database by -postgres
//   cd dashboard/stories && DATABASE=/tmp/many npm run measure measure.ts          # a folder with symphony.db
//   cd dashboard/stories && DATABASE=postgres://… npm run measure measure.ts
//
// Each page is opened five times in a browser. A row of the table is one call of the API that the page made, with the time
// from its sending to the first byte of its answer. It fails where a call's median is over 300 ms.
import { expect, test, type Page } from "@playwright/test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server } from "./server.ts";

const bound = 300;
const times = 5;

test("the first screen of each page", async ({ page }) => {
  test.setTimeout(20 * 60_000);
  const database = process.env.DATABASE ?? "";
  expect(database, "DATABASE: a folder with symphony.db, or postgres://…").not.toBe("");
  const onPostgres = /^postgres(ql)?:/.test(database);
  const empty = onPostgres ? await mkdtemp(join(tmpdir(), "symphony-measure-")) : undefined;
  const server = await Server.at(empty ?? database, onPostgres ? { SYMPHONY_DATABASE_URL: database } : {}, ["--no-worker"]);
  try {
    await measure(page, server);
  } finally {
    await server.leave();
    if (empty) await rm(empty, { recursive: true });
  }
});

async function measure(page: Page, server: Server) {
  await page.context().request.post(server.url + "/api/symphony/session", { headers: { Authorization: `Bearer ${server.key}` } });
  const first = async (status: string) => (await server.call("GET", `/api/symphony/messages?limit=1&status=${status}`)).messages[0];
  const [message, dead] = [await first("completed"), await first("failed")];
  const group = (await server.call("GET", "/api/symphony/failed/groups?limit=1")).groups[0];
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const query = (values: Record<string, string>) => "?" + new URLSearchParams(values);
  const pages: [string, string][] = [
    ["Overview", "/"], ["Messages", "/messages"], ["Messages, failed", "/messages" + query({ status: "failed" })],
    ["Messages, of a type in the last hour", "/messages" + query({ type: message.message.type, since })],
    ["Messages, by a text", "/messages" + query({ q: "nowhere-at-all" })], ["Messages, by a tag", "/messages" + query({ tag: "rare" })],
    ["One message, completed", `/messages/${message.id}` + query({ transport: message.transport })],
    ["One message, failed", `/messages/${dead.id}` + query({ transport: dead.transport })],
    ["Failed", "/failed"], ["A group", "/failed/group" + query({ transport: group.transport, group: group.group })],
    ["Queues", "/queues"], ["A queue", "/queue" + query({ transport: message.transport, queue: message.queue })],
    ["Types", "/types"], ["A type", "/type" + query({ type: message.message.type })], ["Schedules", "/schedules"], ["Send", "/send"],
    ["Workers", "/workers"], ["Operations", "/operations"], ["Alerts", "/alerts"], ["Audit", "/audit"], ["API keys", "/keys"], ["Settings", "/settings"],
  ];
  const over: string[] = [];
  console.log("| page | call | median ms | slowest ms |\n| --- | --- | ---: | ---: |");
  for (const [name, path] of pages) {
    const calls = new Map<string, number[]>();
    page.removeAllListeners("requestfinished");
    page.on("requestfinished", (r) => {
      const url = new URL(r.url());
      if (!url.pathname.startsWith("/api/") || url.pathname.endsWith("/events")) return;
      const t = r.timing();
      const what = `${r.method()} ${decodeURIComponent(url.pathname.replace("/api/symphony", "") + url.search).replaceAll("|", "\\|").slice(0, 90)}`.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…");
      calls.set(what, [...(calls.get(what) ?? []), t.responseStart - t.requestStart]);
    });
    for (let i = 0; i < times; i++) {
      await page.goto(`${server.url}/dashboard${path}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForTimeout(1500); // what the first screen asks for in a second row is asked by then
    }
    for (const [what, ms] of calls) {
      const sorted = ms.toSorted((a, b) => a - b);
      const median = sorted[Math.floor(sorted.length / 2)]!;
      if (median > bound) over.push(what);
      console.log(`| ${name} | ${what} | ${median.toFixed(1)}${median > bound ? " **over**" : ""} | ${sorted.at(-1)!.toFixed(1)} |`);
    }
  }
  expect(over, `calls over ${bound} ms`).toEqual([]);
}
