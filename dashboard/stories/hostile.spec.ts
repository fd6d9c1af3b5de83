import type { Locator } from "@playwright/test";
import { expect, phone, test, theme } from "./fixtures.ts";
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

test("what is not seen in a text is shown, and copied as it is", async ({ page, open, server, accessible, context }) => {
  const type = `webhook.${unique("seen")}`;
  const error = "invoice-\u202Egnp.exe zero\u200Bwidth \uFEFF👩‍🚀 می‌خواهم";
  server.receiver.answer({ status: 400, body: { error } });
  const id = await server.dispatch(type, { text: error }, { tags: ["t".repeat(64), "second"] });
  await server.until(id, "failed");
  const [group] = (await server.call("GET", `/api/symphony/failed/groups?type=${type}`)).groups;
  const note = "\u001b[31mred\u001b[0m " + "It is looked into. ".repeat(40);
  await server.call("POST", `/api/symphony/failed/groups/${group.group}/ignore?transport=default`, { count: 5, note });
  const marks = (of: Locator) => of.locator(".mark").evaluateAll((all) => all.map((m) => [m.getAttribute("data-name"), m.getBoundingClientRect().width > 20]));
  const seen = [["U+202E", true], ["U+200B", true], ["U+FEFF", true]]; // and not what joins letters and emoji
  for (const [size, scheme] of [[{ width: 1280, height: 800 }, "light"], [phone, "dark"]] as const) {
    await page.setViewportSize(size);
    await theme(page, scheme);
    await open(`/failed?state=all&type=${type}`);
    const link = page.getByRole("row").getByRole("link", { name: /invoice/ });
    await expect(link).toBeVisible();
    expect(await marks(link)).toEqual(seen);
    expect((await marks(page.getByRole("row"))).slice(3, 5)).toEqual([["U+001B", true], ["U+001B", true]]);
    await accessible();
  }
  // A long tag leaves room for the next one.
  await page.setViewportSize({ width: 1280, height: 800 });
  await open(`/messages?type=${type}&columns=type&columns=tags`);
  const cell = page.getByTitle(`${"t".repeat(64)}, second`);
  const [end, second] = [await cell.boundingBox(), await cell.getByText("second").boundingBox()];
  expect(second!.x + second!.width).toBeLessThanOrEqual(end!.x + end!.width);
  await page.setViewportSize(phone);
  await open(`/failed?state=all&type=${type}`);
  await page.getByRole("link", { name: /invoice/ }).click();
  // A note fills no phone.
  const told = page.getByText("It is looked into.").first();
  expect((await told.boundingBox())!.height).toBeLessThan(80);
  await page.getByRole("button", { name: "Show the whole text" }).click();
  expect((await told.boundingBox())!.height).toBeGreaterThan(200);
  await page.getByRole("button", { name: "Show less" }).click();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const whole = page.getByLabel("Error", { exact: true });
  await expect(whole).toBeVisible();
  expect(await marks(whole)).toEqual(seen);
  await whole.evaluate((e) => getSelection()!.selectAllChildren(e));
  await page.keyboard.press("ControlOrMeta+c");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(error);
  await open(`/send?type=${type}`);
  const editor = page.getByRole("textbox", { name: "Payload" });
  await editor.fill(JSON.stringify({ text: error }));
  await expect(editor.locator(".mark")).toHaveText(seen.map(([name]) => name as string));
});

test("a long reason of a pause leaves room for the page", async ({ page, open, own }) => {
  const server = await own();
  const queue = "reasoned";
  const reason = `${queue} rests. `.repeat(25);
  await server.call("POST", "/api/symphony/pause", { queue, reason });
  await server.dispatch("mail.any"); // an empty system is taught instead
  await page.setViewportSize(phone);
  await open("/");
  const row = page.getByRole("link", { name: new RegExp(`Queue ${queue} is paused`) });
  expect((await row.boundingBox())!.height).toBeLessThan(110);
  await open(`/queue?transport=default&queue=${queue}`);
  const told = page.getByText(reason.trim());
  expect((await told.boundingBox())!.height).toBeLessThan(80);
  await page.getByRole("button", { name: "Show the whole text" }).click();
  expect((await told.boundingBox())!.height).toBeGreaterThan(120);
});

let n = 0;
function unique(name: string): string {
  return `${++n}-${name.slice(0, 100)}`;
}
