import type { Page } from "@playwright/test";
import { expect, phone, test, unique } from "./fixtures.ts";
import type { Server } from "./server.ts";

/** Has messages of a new type fail because they have no currency; with one they are handled. Tells the type. */
async function payments(server: Server, n: number): Promise<string> {
  const type = unique("webhook.payment");
  server.receiver.answer((_, body) => (JSON.parse(body).payload.currency ? { status: 204 } : { status: 422, body: { error: "currency is missing" } }));
  await Promise.all(Array.from({ length: n }, (_, i) => server.dispatch(type, { payment: i, amount: "12345678901234567890.10" })));
  await failedOf(server, type, n);
  return type;
}

async function failedOf(server: Server, type: string, n: number) {
  await server.wait(`${n} failed messages of ${type}`, async () => (await server.call("GET", `/api/symphony/failed?type=${type}`)).pagination.total === n);
}

/** Puts a text into an editor of JSON in place of what is there. */
async function write(page: Page, label: string, change: (before: string) => string) {
  const editor = page.getByRole("textbox", { name: label });
  await expect(editor).toContainText("}");
  const before = (await editor.locator(".cm-line").allInnerTexts()).join("\n");
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(change(before));
}

test("somebody finds what failed, corrects one payload and retries all of its kind", { tag: "@core" }, async ({ page, open, server }) => {
  const type = await payments(server, 3);
  await open("/failed");
  const row = page.getByRole("row").filter({ hasText: type });
  await expect(row).toContainText("3");
  await row.getByRole("link", { name: /currency is missing/ }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("currency is missing");
  await page.getByRole("button", { name: "Correct and retry" }).click();
  await write(page, "Payload of the example", (before) => before.replace(/\}\s*$/, ', "currency": "EUR"}'));
  await expect(page.getByLabel("The patch for all of them")).toContainText('"currency": "EUR"');
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  await expect(page.getByText("It would be done to 3 failed messages.")).toBeVisible();
  await expect(page.getByRole("region", { name: "Before, After" })).toHaveCount(3);
  await page.getByLabel("Rate").fill("50");
  await page.getByRole("button", { name: "Correct and retry 3 failed messages" }).click();
  await expect(page).toHaveURL(/\/dashboard\/operations\//);
  await server.wait("all of them to be handled", async () => (await server.call("GET", `/api/symphony/messages/counts?type=${type}`)).counts.completed === 3);
  const [done] = (await server.call("GET", `/api/symphony/messages?type=${type}&limit=1`)).messages;
  expect(done.message.payload).toMatchObject({ currency: "EUR" });
});

test("a kind of failure is ignored, resolved, comes back, and is deleted", async ({ page, open, server }) => {
  const type = await payments(server, 2);
  await open(`/failed?type=${type}`);
  const row = page.getByRole("row").filter({ hasText: type });
  const menu = async (item: string) => {
    await row.getByRole("button", { name: /^More for/ }).click();
    await page.getByRole("menuitem", { name: item }).click();
  };
  await menu("Ignore…");
  await page.getByRole("button", { name: "1 hour" }).click();
  await page.getByLabel("Note").fill("the partner knows");
  await page.getByRole("dialog").getByRole("button", { name: "Ignore", exact: true }).click();
  await expect(row).toHaveCount(0);
  await page.getByRole("button", { name: "Ignored", exact: true }).click();
  await expect(row).toContainText("the partner knows");
  await menu("Resolve…");
  await page.getByLabel("Note").fill("fixed in 1.4.2");
  await page.getByRole("dialog").getByRole("button", { name: "Resolve", exact: true }).click();
  await page.getByRole("button", { name: "Resolved", exact: true }).click();
  await expect(row).toContainText("fixed in 1.4.2");
  await server.dispatch(type, { payment: 3 });
  await failedOf(server, type, 3);
  await page.getByRole("button", { name: "Regressed", exact: true }).click();
  await expect(row.getByText("Regressed")).toBeVisible();
  await page.getByLabel("Search type, payload and error").fill("no such text anywhere");
  await expect(page.getByText("Nothing fits these filters.")).toBeVisible();
  await page.getByLabel("Search type, payload and error").fill("");
  await row.getByRole("button", { name: "Retry all…" }).click();
  await expect(page.getByText("3 failed messages now.")).toBeVisible();
  await page.keyboard.press("Escape");
  await row.getByRole("link").click();
  await page.getByRole("button", { name: "Correct and retry" }).click();
  await page.getByRole("button", { name: "Write a merge patch" }).click();
  await write(page, "JSON merge patch (RFC 7396)", () => '{"currency": "EUR"}');
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  await expect(page.getByText("It would be done to 3 failed messages.")).toBeVisible();
  await page.getByRole("region", { name: "Correct and retry" }).getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: "Delete all…" }).click();
  await page.getByRole("button", { name: "Delete 3 failed messages" }).click();
  await expect(page).toHaveURL(/\/dashboard\/operations\//);
  await failedOf(server, type, 0);
});

test("somebody sees in which member failed payloads differ from those that were handled", async ({ page, open, server, accessible }) => {
  const type = await payments(server, 2);
  const id = await server.dispatch(type, { payment: 9, amount: "1", currency: "EUR" });
  await server.until(id, "completed");
  await open(`/failed?type=${type}`);
  await page.getByRole("row").filter({ hasText: type }).getByRole("link").click();
  await expect(page.getByRole("row", { name: /^currency absent string/ })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Where it happens" })).toBeVisible();
  await expect(page.getByRole("tree", { name: "Payload" })).toContainText("12345678901234567890.10");
  await accessible();
});

test("failed messages are picked one by one, on a phone", async ({ page, open, server }) => {
  const type = await payments(server, 2);
  await page.setViewportSize(phone);
  await open(`/failed?view=messages&type=${type}`);
  await expect(page.getByText("2 failed messages")).toBeVisible();
  const boxes = page.getByRole("row").filter({ hasText: type }).getByRole("checkbox");
  await boxes.first().check();
  await page.getByRole("button", { name: /^Delete failed/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: /^Delete 1/ }).click();
  await expect(page).toHaveURL(/\/dashboard\/operations/);
  await failedOf(server, type, 1);
  await page.goBack();
  await boxes.first().check();
  await page.getByRole("button", { name: /^Retry 1/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: /^Retry 1/ }).click();
  await expect(page).toHaveURL(/\/dashboard\/operations/);
});

test("who may only look is offered nothing that would fail", async ({ page, open, server, signIn }) => {
  const type = await payments(server, 1);
  await signIn(await server.newKey(unique("reader"), ["read"]));
  await open(`/failed?type=${type}`);
  await expect(page.getByText("takes the scope operate")).toBeVisible();
  await expect(page.getByRole("button", { name: "Retry all…" })).toHaveCount(0);
  await signIn(await server.newKey(unique("watcher"), ["observe"]));
  await open(`/failed?type=${type}`);
  await page.getByRole("row").filter({ hasText: type }).getByRole("link").click();
  await expect(page.getByText("their shapes cannot be compared")).toBeVisible();
});
