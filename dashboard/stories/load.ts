// What the dashboard costs under load: fifty tabs that watch, ten thousand rows that scroll, a payload of 5 MB. These are
// measurements, so they want a machine that does nothing else:
//
//   cd dashboard/stories && npm run measure load.ts
//   cd dashboard/stories && DATABASE=/tmp/many npm run measure load.ts   # the newest rows of many; see measure.ts
import { readFile } from "node:fs/promises";
import { expect, test, type Page } from "@playwright/test";
import { Server } from "./server.ts";

const seconds = 20;

const database = process.env.DATABASE;

let server: Server;
test.beforeAll(async () => {
  server = database ? await Server.at(database, {}) : await Server.start();
});
test.afterAll(() => (database ? server.leave() : server.stop()));

async function signIn(page: Page) {
  await page.context().request.post(server.url + "/api/symphony/session", { headers: { Authorization: `Bearer ${server.key}` } });
}

/** Seconds of processor time that a process has used. */
async function used(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

test("fifty tabs that watch cost the server under 5% of a core", async () => {
  test.setTimeout(120_000);
  const stop = new AbortController();
  const tabs = await Promise.all(Array.from({ length: 50 }, () => fetch(server.url + "/api/symphony/events", { headers: { Authorization: `Bearer ${server.key}` }, signal: stop.signal })));
  let events = 0;
  for (const tab of tabs) {
    void (async () => {
      for await (const chunk of tab.body as unknown as AsyncIterable<Uint8Array>) events += Buffer.from(chunk).toString().split("event:").length - 1;
    })().catch(() => undefined);
  }
  const before = await used(server.pid);
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const share = (await used(server.pid) - before) / seconds;
  stop.abort();
  console.log(`50 tabs: ${(share * 100).toFixed(1)}% of a core, ${events} events`);
  expect(events).toBeGreaterThan(50 * 5);
  expect(share).toBeLessThan(0.05);
});

test("ten thousand rows scroll at 60 frames a second", async ({ page }) => {
  test.setTimeout(600_000);
  for (let i = 0; i < 10 && !database; i++) {
    await server.call("POST", "/api/symphony/dispatch/batch", { messages: Array.from({ length: 1000 }, (_, j) => ({ message: { type: "nobody.rows", payload: { n: i * 1000 + j } }, options: { queue: "rows", scheduledAt: "2030-01-01T00:00:00Z" } })) });
  }
  await signIn(page);
  await page.goto(`${server.url}/dashboard/messages${database ? "" : "?queue=rows"}`);
  await page.getByRole("grid").waitFor();
  // Loads page after page, as somebody does who scrolls on.
  const loading = Date.now();
  await page.evaluate(async () => {
    const grid = document.querySelector("[role=grid]")!;
    for (let loaded = 0; loaded < 10_000; loaded = Number(grid.getAttribute("aria-rowcount")) - 1) {
      window.scrollTo(0, document.body.scrollHeight);
      await new Promise((done) => setTimeout(done, 20));
    }
  });
  console.log(`10,000 rows, loaded by 50 in ${((Date.now() - loading) / 1000).toFixed(1)} s`);
  const read = await scrolled(page, "10,000 rows, read at 2,000 pixels a second", 10_000);
  const jumped = await scrolled(page, "10,000 rows, from end to end in 5 s", undefined);
  // What the browser takes by itself: cells as many in sight, that no script makes or moves.
  await page.goto("about:blank");
  await page.setContent(`<body style="margin:0">${`<div style="display:flex;height:37px">${'<span style="flex:1">some text</span>'.repeat(8)}</div>`.repeat(1000)}`);
  await scrolled(page, "the same number of cells without the dashboard", undefined, 370_000);
  expect(read.script + read.style + read.layout).toBeLessThan(5);
  expect(jumped.script + jumped.style + jumped.layout).toBeLessThan(20); // all rows in sight are others with each frame
  expect(read.perSecond).toBeGreaterThan(55);
});

/**
 * Scrolls a page for 5 s, over some pixels from its middle on, or from its end to its beginning, and prints what a frame took.
 * A page of fewer pixels than whole is scrolled again and again, as fast as one of as many. Times by frame are
 * the page's main thread's, in milliseconds of processor time.
 */
async function scrolled(page: Page, what: string, pixels: number | undefined, whole?: number) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" }); // processor time, which no other work on the machine lengthens
  const metrics = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value * 1000]));
  const before = await metrics();
  const times = await page.evaluate(async ([pixels, whole]) => {
    const times: number[] = [];
    const height = document.body.scrollHeight;
    await new Promise<void>((done) => {
      const begun = performance.now();
      const frame = (t: number) => {
        times.push(t);
        const share = (performance.now() - begun) / 5000;
        if (share >= 1) return done();
        window.scrollTo(0, pixels === undefined ? ((whole ?? height) * (1 - share)) % height : height / 2 + pixels * share);
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    return times;
  }, [pixels, whole] as const);
  const after = await metrics();
  const by = (name: string) => (after[name]! - before[name]!) / times.length;
  const gaps = times.slice(1).map((t, i) => t - times[i]!).toSorted((a, b) => a - b);
  const of = {
    perSecond: (times.length / (times.at(-1)! - times[0]!)) * 1000, slowest: gaps.at(-1)!, p95: gaps[Math.floor(gaps.length * 0.95)]!,
    script: by("ScriptDuration"), style: by("RecalcStyleDuration"), layout: by("LayoutDuration"), tasks: by("TaskDuration"),
  };
  console.log(`${what}: ${of.perSecond.toFixed(1)} frames a second, 95% within ${of.p95.toFixed(1)} ms, slowest ${of.slowest.toFixed(1)} ms; by frame ` +
    `${of.script.toFixed(1)} ms of script, ${of.style.toFixed(1)} of style, ${of.layout.toFixed(1)} of layout, ${of.tasks.toFixed(1)} of all tasks`);
  await session.detach();
  return of;
}

test("a payload of 5 MB opens without freezing", async ({ page }) => {
  const big = await Server.start("limits:\n  max_message_bytes: 8MiB\n");
  try {
    const rows = Array.from({ length: 40_000 }, (_, i) => ({ i, name: `row ${i}`, text: "x".repeat(90) }));
    const id = await big.dispatch("nobody.big", { rows });
    await page.context().request.post(big.url + "/api/symphony/session", { headers: { Authorization: `Bearer ${big.key}` } });
    await page.addInitScript(() => {
      const w = window as unknown as { longest: number };
      w.longest = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((e) => (w.longest = Math.max(w.longest, e.duration)))).observe({ entryTypes: ["longtask"] });
    });
    const begun = Date.now();
    await page.goto(`${big.url}/dashboard/messages/${id}`);
    await page.getByText("rows").first().waitFor();
    const shown = Date.now() - begun;
    await page.waitForTimeout(1000);
    const longest = await page.evaluate(() => (window as unknown as { longest: number }).longest);
    console.log(`5 MB: shown after ${shown} ms, the longest task ${longest.toFixed(0)} ms`);
    expect(longest).toBeLessThan(300);
  } finally {
    await big.stop();
  }
});
