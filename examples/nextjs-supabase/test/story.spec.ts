import { expect, type Page, test as base } from "@playwright/test";
import { Application } from "./application.ts";

const test = base.extend<object, { app: Application }>({
  app: [async ({}, use) => {
    const app = await Application.start();
    await use(app);
    await app.stop();
  }, { scope: "worker", timeout: 60_000 }],
});

/** Signs a new person up, who is on the page of the account then. */
async function signUp(page: Page, app: Application, email: string) {
  await page.goto(app.url);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill("a good password");
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByText(`Signed in as ${email}`)).toBeVisible();
}

/** Pays an order with the person's own rights, and tells the message's id. */
async function pay(page: Page, app: Application, order: number): Promise<string> {
  await page.goto(`${app.url}/orders`);
  await page.getByLabel("Order", { exact: true }).fill(String(order));
  await page.getByRole("button", { name: "Pay", exact: true }).click();
  const item = page.getByRole("listitem").filter({ hasText: `Order ${order}:` });
  await expect(item).toBeVisible();
  return (await item.getAttribute("data-id"))!;
}

test("a person who signs up is welcomed once, and signs out and in", async ({ page, app }) => {
  await signUp(page, app, "grace@example.com");
  await app.server.wait("the welcome", async () => {
    await page.reload();
    return page.getByText("Welcome to the shop").isVisible();
  });
  await expect(page.getByText("Welcome to the shop")).toHaveCount(1);
  const { messages } = await app.server.call("GET", "/api/symphony/messages?type=mail.welcome&q=grace");
  expect(messages).toHaveLength(1);

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("E-mail address").fill("grace@example.com");
  await page.getByLabel("Password").fill("another password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("main").getByRole("alert")).toHaveText("Invalid login credentials");
  await page.getByLabel("E-mail address").fill("grace@example.com");
  await page.getByLabel("Password").fill("a good password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Signed in as grace@example.com")).toBeVisible();
});

test("an export shows its progress live, then its result; another is cancelled", async ({ page, app }) => {
  await signUp(page, app, "barbara@example.com");
  await page.goto(`${app.url}/export`);
  // All that the page tells on the way, as no look at it is sure to be in time.
  await page.evaluate(() => {
    const told: string[] = ((window as unknown as { told: string[] }).told = []);
    new MutationObserver(() => told.push(document.querySelector("[role=status]")?.textContent ?? "")).observe(
      document.body, { subtree: true, childList: true, characterData: true });
  });
  await page.getByRole("button", { name: "Export 400 orders" }).click();
  await expect(page.getByRole("status")).toHaveText(/^completed/);
  const told = await page.evaluate(() => (window as unknown as { told: string[] }).told);
  expect(told.filter((text) => /^processing: (?!400)\d+ of 400 rows$/.test(text)).length).toBeGreaterThan(1);
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download 400 rows" }).click();
  expect((await download).suggestedFilename()).toBe("orders.csv");

  await page.getByRole("button", { name: "Export 400 orders" }).click();
  await expect(page.getByRole("status")).toHaveText(/^processing/);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("status")).toHaveText(/^cancelled/);
  await expect(page.getByRole("main").getByRole("alert")).toHaveCount(0);
});

test("what failed is found in the dashboard, corrected and retried, and the application shows it done", async ({ page, app, context }) => {
  await signUp(page, app, "ada.l@example.com");
  const id = await pay(page, app, -7);
  const mine = page.getByRole("list", { name: "Your orders" });
  await expect(mine).toHaveText("Order -7: failed");

  // An operator, whose dashboard the server prints a link to.
  const operator = await context.newPage();
  const { code } = await app.server.call("POST", "/api/symphony/session/code");
  await operator.goto(`${app.server.url}/dashboard/login?code=${code}`);
  await operator.getByRole("button", { name: "Open the dashboard" }).click();
  await expect(operator.getByRole("button", { name: "Account" })).toBeVisible();
  await operator.goto(`${app.server.url}/dashboard/failed`);
  const row = operator.getByRole("row").filter({ hasText: "order.paid" });
  await expect(row).toContainText("NoSuchOrder");
  await row.getByRole("link", { name: /there is no order -7/ }).click();
  await operator.goto(`${app.server.url}/dashboard/messages/${id}`);
  await operator.getByText("Log (1 line)").click();
  await expect(operator.getByText("charging order -7 attempt 1")).toBeVisible();
  await operator.getByRole("button", { name: "Correct and retry" }).click();
  const dialog = operator.getByRole("dialog");
  const editor = dialog.getByRole("textbox");
  await expect(editor).toContainText("}");
  await editor.click();
  await operator.keyboard.press("ControlOrMeta+a");
  await operator.keyboard.insertText('{"order": 7}');
  await dialog.getByRole("button", { name: "Retry corrected" }).click();
  await expect(operator.getByRole("heading", { name: "Corrected when it was retried" })).toBeVisible();

  await expect(mine).toHaveText("Order 7: completed");
  await operator.close();
});

test("a user sees his own messages, and nobody else's", async ({ page, app, browser }) => {
  await page.goto(`${app.url}/orders`);
  await expect(page.getByRole("main").getByRole("alert")).toBeVisible(); // who is not signed in is told so
  await signUp(page, app, "edsger@example.com");
  const id = await pay(page, app, 5);
  await expect(page.getByRole("list", { name: "Your orders" })).toHaveText("Order 5: completed");
  const ask = (from: Page, path: string, init: RequestInit = {}) =>
    from.evaluate(async ([path, init]) => (await fetch(path as string, init as RequestInit)).status, [path, init] as const);
  expect(await ask(page, `/api/symphony/messages/${id}`)).toBe(200);

  const context = await browser.newContext();
  const other = await context.newPage();
  await signUp(other, app, "tony@example.com");
  await other.goto(`${app.url}/orders`);
  await expect(other.getByText("You have paid nothing yet.")).toBeVisible();
  expect(await ask(other, `/api/symphony/messages/${id}`)).toBe(404);
  expect(await ask(other, `/api/symphony/messages/${id}/cancel`, { method: "POST" })).toBe(404);
  expect(await ask(other, "/api/symphony/keys")).toBe(404); // not handed on
  await context.close();
});

test("the shop pays later once, changes its mind, and pays several", async ({ page, app }) => {
  await signUp(page, app, "margaret@example.com");
  await page.goto(`${app.url}/orders`);
  const told = page.locator("output");
  await page.getByRole("button", { name: "Pay order 42 in 15 minutes" }).click();
  await expect(told).toContainText('"duplicate":false');
  const { messageId } = JSON.parse(await told.innerText());
  await page.getByRole("button", { name: "Pay order 42 in 15 minutes" }).click();
  await expect(told).toHaveText(JSON.stringify({ messageId, duplicate: true }));
  const { message } = await app.server.call("GET", `/api/symphony/messages/${messageId}`);
  expect(Date.parse(message.scheduledAt) - Date.parse(message.createdAt)).toBe(15 * 60_000);
  await page.getByRole("button", { name: "Do not pay order 42" }).click();
  await expect(told).toHaveText("cancelled");
  await page.getByRole("button", { name: "Pay orders 1, 2 and 3" }).click();
  await expect(told).toHaveText("100, 200, 300");
});

test("a bank that is busy is asked again at a time of the handler's choice", async ({ page, app }) => {
  await signUp(page, app, "frances@example.com");
  const id = await pay(page, app, 13);
  const look = async () => (await app.server.call("GET", `/api/symphony/messages/${id}`)).message;
  await app.server.wait("the first attempt to be over", async () => {
    const { status, attempts } = await look();
    return status === "pending" && attempts.length === 1;
  });
  const { attempts: [first], availableAt } = await look();
  const rest = Date.parse(availableAt) - Date.parse(first.finishedAt);
  expect(first.error).toContain("the bank is busy");
  expect(Math.abs(rest - 30_000)).toBeLessThan(1_000);
  await app.server.call("POST", `/api/symphony/messages/${id}/run-now`);
  await app.server.until(id, "completed");
  expect(await look()).toMatchObject({ attempt: 2, output: { charged: 1300 } });
});

test("the cron has the server work, and asks for its secret", async ({ app }) => {
  const call = (headers: Record<string, string>) => fetch(`${app.url}/api/cron/symphony`, { headers });
  expect((await call({})).status).toBe(401);
  const answer = await call({ authorization: `Bearer ${app.cronSecret}` });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ success: true, scheduler: { success: true }, worker: { success: true } });
});
