import { expect, phone, test } from "./fixtures.ts";
import { pages } from "./pages.ts";

const script = `<script>alert(1)</script><img src=x onerror=alert(2)>`;
const backwards = "\u202Egnp.exe \u2066\u05D0\u05D1\u05D2 العربية";
const ansi = "\u001b[31mred\u001b[0m\u0007";
const long = "x".repeat(10_000);
const names = [script.replaceAll("\u001b", ""), "a/b/../c", "..", "with space", "emoji 🎻🎼", backwards.replaceAll(/[\u202E\u2066]/g, ""), "y".repeat(255)];

test("hostile texts in every field stay texts", async ({ page, open, server, expectErrors }) => {
  test.setTimeout(240_000);
  expectErrors(/400/); // an address that asks for what can be no name
  page.on("dialog", (d) => {
    throw new Error(`a text was run: ${d.message()}`);
  });
  server.receiver.answer({ status: 400, body: { error: script + backwards + ansi + long } });
  const payload = { [script]: script, [long]: long, rtl: backwards, ansi, deep: JSON.parse("[".repeat(200) + "]".repeat(200)), number: 1e308, list: Array(2000).fill(script) };
  for (const name of names) {
    // What the server refuses as a name is not shown anywhere either.
    for (const type of [`nobody.${name}`, "webhook.hostile"]) {
      await server.call("POST", "/api/symphony/dispatch", {
        message: { type, payload, metadata: { [script]: backwards, long } }, options: { queue: name.slice(0, 90), headers: { "x-hostile": script + ansi }, tags: [script, "emoji 🎻"], idempotencyKey: unique(name) },
      }).catch((e: Error) => expect(e.message).toContain("400"));
    }
  }
  await server.call("POST", "/api/symphony/schedules", { name: "h".repeat(100), interval: 3_600_000, message: { type: `nobody.${backwards.slice(-7)}${"y".repeat(200)}`, payload, metadata: { [script]: backwards, long } } });
  await server.call("POST", "/api/symphony/pause", { queue: "hostile", reason: script + backwards + "z".repeat(300) });
  await server.wait("a dead letter", async () => (await server.call("GET", "/api/symphony/failed?limit=1&type=webhook.hostile")).messages.length > 0);
  const dead = (await server.call("GET", "/api/symphony/failed?limit=1&type=webhook.hostile")).messages[0];
  const group = (await server.call("GET", "/api/symphony/failed/groups?limit=1&type=webhook.hostile")).groups[0];
  const more = [
    `/messages/${dead.messageId}?transport=default`, `/failed/group?transport=default&group=${group.group}`,
    ...names.map((n) => `/queue?transport=default&queue=${encodeURIComponent(n.slice(0, 90))}`), ...names.map((n) => `/type?type=${encodeURIComponent("nobody." + n)}`),
  ];
  // What is said beside a foreign text is neither cut off with it nor turned round by it.
  await open("/");
  const began = page.getByRole("link", { name: /is paused/ }).filter({ hasText: "zzz" }).locator("time").first();
  const [time, row] = [await began.boundingBox(), await began.locator("xpath=ancestor::a").boundingBox()];
  expect(time!.x + time!.width).toBeLessThanOrEqual(row!.x + row!.width);
  for (const path of [...pages, ...more]) {
    await test.step(path.slice(0, 80), async () => {
      for (const size of [{ width: 1280, height: 800 }, phone]) {
        await page.setViewportSize(size);
        await open(path);
        await expect(page.getByText("Loading…")).toHaveCount(0);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), "pixels that scroll sideways").toBeLessThanOrEqual(0);
        expect(await page.locator("script:not([src]), img[src=x]").count()).toBe(0);
      }
    });
  }
});

let n = 0;
function unique(name: string): string {
  return `${++n}-${name.slice(0, 100)}`;
}
