import { expect, phone, test, theme, unique } from "./fixtures.ts";
import { pages } from "./pages.ts";

test("somebody signs in with an API key and out again", { tag: "@core" }, async ({ page, server, expectErrors }) => {
  expectErrors(/401/); // asking who is signed in, when nobody is
  await page.context().clearCookies();
  await page.goto(server.url + "/dashboard/messages?status=failed");
  await expect(page.getByRole("heading", { name: "Symphony Messenger" })).toBeVisible();
  await page.getByLabel("API key").fill("sym_no_such_key");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("not known");
  await page.getByLabel("API key").fill(server.key);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page).toHaveURL(/\/dashboard\/messages\?status=failed/);
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByLabel("API key")).toBeVisible();
  expect(await page.context().cookies()).toEqual([]);
});

test("everything is reached by keyboard alone", async ({ page, open }) => {
  await open("/");
  await page.keyboard.press("g");
  await page.keyboard.press("q");
  await expect(page).toHaveURL(/\/dashboard\/queues$/);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await expect(page.getByPlaceholder("Page, message id, queue or type…")).toBeFocused();
  await page.keyboard.type("schedules");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/dashboard\/schedules$/);
});

test("the server dies and comes back while the page is open", { tag: "@core" }, async ({ page, open, server, expectErrors }) => {
  expectErrors(/ERR_|Failed to load resource/);
  await open("/");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await server.kill();
  await expect(page.getByText(/Server unreachable since/)).toBeVisible({ timeout: 20_000 });
  await server.run();
  await expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 40_000 });
  // It dies before a part of the page is loaded, which is there when the server is.
  await page.route("**/assets/palette-*", (route) => route.abort());
  await page.route("**/dashboard/", (route) => (route.request().isNavigationRequest() ? route.continue() : route.abort()));
  const asked = page.waitForRequest((r) => r.url().endsWith("/dashboard/") && !r.isNavigationRequest());
  await page.keyboard.press("Control+k");
  await asked;
  const anew = page.waitForEvent("load");
  await page.unroute("**/assets/palette-*");
  await page.unroute("**/dashboard/");
  await anew;
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeVisible();
});

test("somebody prefers the dark and UTC", async ({ page, open }) => {
  await open("/");
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitemradio", { name: "UTC" }).click();
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});

// In two halves, so that two processes share them. Colours are the theme's and layouts the size's, whichever theme has them.
for (const [half, list] of [["one half", pages.slice(0, 7)], ["the other half", pages.slice(7)]] as const) {
  test(`${half} of the pages is accessible in light and, on a phone, in dark`, { tag: "@core" }, async ({ page, open, accessible }) => {
    for (const path of list) {
      await test.step(path, async () => {
        await page.setViewportSize({ width: 1280, height: 800 });
        await theme(page, "light");
        await open(path);
        await expect(page.getByText("Loading…")).toHaveCount(0);
        await accessible();
        await theme(page, "dark");
        await page.setViewportSize(phone);
        await accessible();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(wide, "pixels that scroll sideways").toBe(0);
      });
    }
  });
}

test("the overview is on the screen after less than 200 KB of script", { tag: "@core" }, async ({ page, open }) => {
  let bytes = 0;
  const read: Promise<void>[] = [];
  page.on("requestfinished", (r) => {
    if (r.resourceType() === "script") read.push(r.sizes().then((s) => void (bytes += s.responseBodySize)));
  });
  await open("/");
  await expect(page.getByText("Loading…")).toHaveCount(0);
  await Promise.all(read);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(200 * 1024);
});

test("somebody whose clock is wrong reads when things were, and when exactly", async ({ page, open, server, accessible }) => {
  const queue = unique("clocks");
  await server.dispatch("nobody.clocks", {}, { queue });
  await page.clock.setFixedTime(Date.now() - 300_000);
  await open("/workers");
  const seen = page.locator("dt", { hasText: "Seen" }).locator("xpath=following-sibling::dd[1]").first();
  await expect(seen).toHaveText(/^(now|\d+ s ago)$/); // never "in 5 min"
  await open(`/messages?queue=${queue}`);
  const created = page.getByRole("row").filter({ hasText: "nobody.clocks" }).locator("time");
  await expect(created).toHaveText(/^(now|\d+ s ago)$/);
  const tip = page.getByRole("tooltip");
  await created.hover();
  await expect(tip).toHaveText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+$/);
  await expect(created).toHaveAccessibleDescription((await tip.textContent())!);
  await accessible();
  await tip.hover(); // it stays, so that what it says can be selected
  await page.waitForTimeout(400);
  await expect(tip).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(tip).toHaveCount(0);
  await page.getByRole("heading", { level: 1 }).hover();
  await created.hover();
  await expect(tip).toBeVisible();
  await page.getByRole("heading", { level: 1 }).hover();
  await expect(tip).toHaveCount(0);
});

test("a time in a dialog is read in whole too", async ({ page, open, server }) => {
  const name = unique("dialog");
  const key = await server.newKey(name, ["read"]);
  await server.call("GET", "/api/symphony/status", undefined, key);
  await server.wait("the key to be seen", async () => !!(await server.call("GET", "/api/symphony/keys")).keys.find((k: { name: string }) => k.name === name).lastUsedAt);
  await open("/keys");
  await page.getByRole("row").filter({ hasText: name }).getByRole("button", { name: /Revoke/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("time").first().hover();
  const tip = page.getByRole("tooltip");
  await expect(tip).toHaveText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+$/);
  const { x, y, width, height } = (await tip.boundingBox())!;
  expect(await tip.evaluate((e, [left, top]) => e.contains(document.elementFromPoint(left!, top!)), [x + width / 2, y + height / 2]), "nothing lies over it").toBe(true);
  await page.keyboard.press("Escape");
  await expect(tip).toHaveCount(0);
  await expect(dialog).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
});
