import { expect, phone, test, unique } from "./fixtures.ts";

test("a type tells what handles it, when it is retried, and what it looks like", { tag: "@core" }, async ({ page, open, server }) => {
  const type = `order.${unique("new")}`;
  await server.until(await server.dispatch(type, { id: "1", amount: 1 }), "completed");
  await open("/types");
  await page.getByPlaceholder("Find a type").fill(type);
  await page.getByRole("link", { name: type }).click();
  await expect(page.getByRole("heading", { level: 1, name: type })).toBeVisible();
  await expect(page.getByRole("link", { name: "order.*" })).toBeVisible();
  await expect(page.getByRole("img", { name: "When attempts would run" })).toBeVisible();
  await expect(page.getByText("Attempt 4")).toBeVisible();
  await expect(page.getByRole("tree", { name: "Schema" })).toContainText("currency");
  await page.setViewportSize(phone);
  const mark = await page.getByRole("img", { name: "When attempts would run" }).locator("circle").first().boundingBox();
  expect([mark!.width, mark!.height], "as large on a phone").toEqual([12, 12]);
});

test("a type tells how many of its messages wait", async ({ page, own, open }) => {
  const server = await own(); // beside many others they are counted as far as one look goes
  const type = unique("order.counted");
  await server.until(await server.dispatch(type, { id: "1", amount: 1 }), "completed");
  await open(`/type?type=${type}`);
  const waiting = page.locator("main").getByText("Waiting", { exact: true }).first().locator("xpath=following-sibling::div[1]");
  await expect(waiting).toHaveText("0");
  await server.dispatch(type, { id: "2", amount: 1 }, { delay: 3_600_000 });
  await page.reload();
  await expect(waiting).toHaveText("1");
  await waiting.getByRole("link").click();
  await expect(page).toHaveURL(/\/messages\?type=order.*status=pending/);
});

test("the type that floods the system is found by what waits", async ({ page, open, server }) => {
  const shop = `mail.${unique("shop")}`;
  const [quiet, flood] = [`${shop}.a`, `${shop}.b`];
  await server.until(await server.dispatch(quiet), "completed");
  for (let i = 0; i < 12; i++) await server.dispatch(flood, { i }, { queue: i % 2 ? "mail" : "slow", delay: 3_600_000 });
  await server.wait("the types to be counted anew", async () => // others may have looked a moment ago
    (await server.call("GET", `/api/symphony/types?counts=true&type=${flood}`)).types[0]?.pending === 12);
  await server.wait("the worker to be told of", async () => // with the second heartbeat of a node on PostgreSQL
    (await server.call("GET", "/api/symphony/workers")).nodes.some((n: any) => n.workers.some((w: any) => w.running)));
  await open(`/types?q=${shop}`);
  const row = (type: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name: type, exact: true }) });
  await expect(row(flood)).toBeVisible();
  const columns = await page.getByRole("columnheader").allTextContents();
  const cell = (type: string, name: string) => row(type).getByRole("gridcell").nth(columns.indexOf(name));
  await expect(cell(flood, "Waiting")).toHaveText("12");
  await expect(cell(flood, "Running")).toHaveText("0");
  await expect(cell(quiet, "Waiting")).toHaveText("0");
  await expect(cell(flood, "Workers"), "one takes both queues").toHaveText("1");
  await expect(page.getByRole("row").nth(1)).toContainText(quiet);
  await page.getByLabel("Order").selectOption("Most waiting");
  await expect(page.getByRole("row").nth(1)).toContainText(flood);
  await page.setViewportSize(phone);
  await expect(row(flood)).toContainText("Waiting12");
  await page.getByRole("searchbox", { name: "Find a type" }).fill("mail.*");
  await expect(row("mail.*")).toBeVisible();
  await expect(row("mail.*"), "it stands for several types").not.toContainText("Waiting");
});

test("where more waits than is counted, the numbers say so", async ({ page, own, open }) => {
  const server = await own(); // others would be counted only in part
  const later = { delay: 3_600_000 };
  await server.dispatch("mail.rare", {}, { ...later, queue: "rare" });
  for (let i = 0; i < 21; i++) {
    const messages = Array.from({ length: 500 }, () => ({ message: { type: "mail.flood", payload: {} }, options: later }));
    await server.call("POST", "/api/symphony/dispatch/batch", { messages });
  }
  await open("/types?sort=waiting&q=mail.");
  const rows = page.getByRole("row");
  await expect(rows.nth(1)).toContainText("9,999+");
  await expect(rows.nth(2), "all of a small queue is looked at").toContainText("1+");
  await rows.nth(1).getByText("9,999+").hover();
  await expect(page.getByRole("tooltip")).toContainText("Up to 10,000 are counted");
});

test("a type whose endpoint is down has its breaker open", async ({ page, own, open }) => {
  const server = await own(); // the breaker stands between others and their webhooks
  server.receiver.answer({ status: 500 });
  for (let i = 0; i < 6; i++) await server.dispatch("webhook.down");
  await server.wait("the breaker to open", async () =>
    (await server.call("GET", "/api/symphony/types?type=webhook.down")).types.some((t: any) => t.handler?.breakers?.length > 0));
  await open("/types?show=breaker");
  await page.getByRole("link", { name: "webhook.down" }).click();
  await expect(page.getByText(/open: its messages wait.*in a row/)).toBeVisible();
  await expect(page.getByText("Attempt 3")).toBeVisible(); // its own policy
});

test("a type is paused and limited", async ({ page, open, server }) => {
  const type = `mail.${unique("held")}`;
  await server.until(await server.dispatch(type), "completed");
  await open(`/type?type=${type}`);
  await page.getByRole("button", { name: "Pause…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("wrong text");
  await dialog.getByRole("button", { name: "Pause", exact: true }).click();
  await expect(page.getByText("wrong text")).toBeVisible();
  await page.getByRole("button", { name: "Set a limit" }).click();
  await dialog.getByLabel("Rate").fill("100/s");
  await dialog.getByRole("button", { name: "Set the limit" }).click();
  await expect(page.getByRole("row", { name: new RegExp(type) }).filter({ hasText: "100/s" })).toBeVisible();
  await page.getByRole("button", { name: "Resume" }).click();
  await dialog.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByText("wrong text")).toHaveCount(0);
  await page.getByRole("button", { name: `Take away: ${type}` }).click();
  await dialog.getByRole("button", { name: "Take away" }).click();
  await expect(page.getByText("No limit holds here.")).toBeVisible();
});
