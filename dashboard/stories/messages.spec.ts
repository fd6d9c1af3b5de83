import { readFile } from "node:fs/promises";
import { expect, phone, test, unique } from "./fixtures.ts";
import type { Server } from "./server.ts";

/** Dispatches messages that wait. */
async function waiting(server: Server, type: string, n: number, more: { tags?: string[]; metadata?: object } = {}) {
  await server.call("POST", "/api/symphony/dispatch/batch", {
    messages: Array.from({ length: n }, (_, i) => ({ message: { type, payload: { n: i }, metadata: more.metadata }, options: { queue: "slow", scheduledAt: "2100-01-01T00:00:00Z", tags: more.tags } })),
  });
}

test("what is typed while a filter is applied stays", async ({ page, open }) => {
  await open("/messages");
  const field = page.getByRole("combobox", { name: "Filter messages" });
  await field.fill("type:mail.typed");
  await field.evaluate((e: HTMLInputElement) => {
    e.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!.call(e, "type:mail.typed tag:v");
    e.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await expect(page).toHaveURL(/type=mail.typed/);
  await expect(page.getByText("No message matches")).toBeVisible();
  await expect(field).toHaveValue("type:mail.typed tag:v");
  await page.getByRole("link", { name: /^Failed/ }).last().click(); // a filter from elsewhere
  await expect(page).toHaveURL(/status=failed/);
});

test("somebody finds a customer's messages by typing", { tag: "@core" }, async ({ page, open, server }) => {
  const type = unique("mail.find");
  await waiting(server, type, 3, { metadata: { customer: { id: 42 } }, tags: ["vip"] });
  await waiting(server, type, 2, { metadata: { customer: { id: 43 } } });
  await open("/messages");
  await page.keyboard.press("/");
  await page.keyboard.type("queue:sl");
  await page.getByRole("option", { name: "queue:slow" }).click();
  await page.keyboard.type(`type:${type} `);
  await page.keyboard.press("Enter");
  const rows = page.getByRole("table", { name: "Messages" }).or(page.getByRole("grid", { name: "Messages" })).getByRole("row");
  await expect(rows).toHaveCount(6); // one has the names of the columns
  await page.keyboard.type(" metadata.cus");
  await page.getByRole("option", { name: "metadata.customer.id:" }).click();
  await page.getByRole("option", { name: "metadata.customer.id:42" }).click();
  await expect(rows).toHaveCount(4);
  expect(new URL(page.url()).searchParams.get("metadata.customer.id")).toBe("42");
  await page.reload();
  await expect(page.getByRole("combobox", { name: "Filter messages" })).toHaveValue(`type:${type} queue:slow metadata.customer.id:42`);
  await expect(rows).toHaveCount(4);
  await page.getByRole("combobox", { name: "Filter messages" }).fill("stauts:failed");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Nothing is called stauts");
  await page.getByRole("button", { name: "How to filter" }).click();
  await expect(page.getByText("idempotencyKey:order-42")).toBeVisible();
});

test("statuses, a period and the order narrow the list", async ({ page, open, server }) => {
  const type = unique("mail.tabs");
  await waiting(server, type, 2);
  const done = await server.dispatch(type);
  await server.until(done, "completed");
  await open(`/messages?type=${type}`);
  const tabs = page.getByRole("navigation", { name: "Statuses" });
  await expect(tabs.getByRole("link", { name: /^Pending/ })).toContainText("2");
  await tabs.getByRole("link", { name: /^Completed/ }).click();
  await expect(page).toHaveURL(/status=completed/);
  await expect(page.getByRole("row")).toHaveCount(2);
  await tabs.getByRole("link", { name: /^All/ }).click();
  await expect(page.getByRole("row")).toHaveCount(4);
  await page.getByRole("button", { name: "Dispatched" }).click();
  await expect(page).toHaveURL(/sort=createdAt/);
  await expect(page.getByRole("row").nth(3)).toContainText("Completed");
  await page.getByRole("button", { name: /^Period/ }).click();
  await page.getByRole("button", { name: "Last 15m" }).click();
  await expect(page).toHaveURL(/since=15m/);
  await expect(page.getByRole("row")).toHaveCount(4);
  await open(`/messages?type=${type}&status=failed`);
  await expect(page.getByText("No message matches")).toBeVisible();
  await page.getByRole("button", { name: "Clear the filter" }).last().click();
  await expect(page).not.toHaveURL(/status=failed/);
});

test("what is new waits until it is asked for, and what is in sight changes in its place", async ({ page, open, server }) => {
  const type = unique("mail.live");
  await server.call("POST", "/api/symphony/pause", { type });
  const first = await server.dispatch(type);
  await open(`/messages?type=${type}`);
  await expect(page.getByRole("row").nth(1)).toContainText("Pending");
  await server.dispatch(type);
  await expect(page.getByRole("button", { name: "1 new message: show" })).toBeVisible({ timeout: 15_000 });
  await expect(page.getByRole("row")).toHaveCount(2);
  await server.call("POST", "/api/symphony/resume", { type });
  await server.until(first, "completed");
  await expect(page.getByRole("row").nth(1)).toContainText("Completed", { timeout: 15_000 });
  await page.getByRole("button", { name: "1 new message: show" }).click();
  await expect(page.getByRole("row")).toHaveCount(3);
});

test("a flood is put behind all others, then cancelled", { tag: "@core" }, async ({ page, open, server }) => {
  const type = unique("mail.flood");
  await waiting(server, type, 12);
  await open(`/messages?type=${type}`);
  await expect(page.getByRole("row")).toHaveCount(13);
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByRole("button", { name: "Select all 12 that match" }).click();
  await page.getByRole("button", { name: "Edit 12…" }).click();
  await page.getByLabel("Priority").selectOption("1");
  await page.getByRole("button", { name: "Change 12 messages" }).click();
  await expect(page).toHaveURL(/\/operations\//);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Completed");
  await expect(page.getByText("12 of 12", { exact: false }).first()).toBeVisible();
  await page.getByRole("link", { name: "Messages that it selects" }).click();
  await expect(page).toHaveURL(/status=pending/);
  expect((await server.call("GET", `/api/symphony/messages?type=${type}&priority=1&limit=100`)).messages).toHaveLength(12);

  await open(`/messages?type=${type}`);
  await page.getByRole("checkbox", { name: "All" }).click();
  await page.getByRole("button", { name: "Cancel 12…" }).click();
  await page.getByLabel("Reason").fill("sent by mistake");
  await page.getByRole("button", { name: "Cancel 12 messages" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Completed");
  await expect(page.getByText("sent by mistake")).toBeVisible();
  await page.getByRole("link", { name: "Messages that were cancelled since" }).click();
  await expect(page.getByRole("row")).toHaveCount(13);
});

test("what is selected by hand is replayed, retried and deleted", async ({ page, open, server, expectErrors }) => {
  expectErrors(/404/); // what was in sight is asked for once more, and is gone
  const type = unique("webhook.hand");
  server.receiver.answer((_, body) => (body.includes("bad") ? { status: 400, body: { error: "no such customer", permanent: true } } : { status: 204 }));
  for (const name of ["good", "bad 1", "bad 2"]) await server.dispatch(type, { name });
  await server.wait("three ends", async () => {
    const { counts } = await server.call("GET", `/api/symphony/messages/counts?type=${type}`);
    return counts.completed === 1 && counts.failed === 2;
  });
  const act = async (row: string, button: RegExp, submit: RegExp) => {
    await open(`/messages?type=${type}`);
    await page.getByRole("row", { name: row }).first().getByRole("checkbox").click();
    await page.getByRole("button", { name: button }).click();
    await page.getByRole("button", { name: submit }).click();
    await expect(page).toHaveURL(/\/operations\//);
    await expect(page.getByRole("heading", { level: 1 })).toContainText("Completed");
  };
  await act("Completed", /^Replay 1…/, /^Dispatch 1 message again/);
  await act("Failed", /^Retry 1…/, /^Retry 1 message/);
  await act("Failed", /^Delete failed 1…/, /^Delete 1 message/);
  await waiting(server, type, 1);
  await act("Pending", /^Delete 1…/, /^Delete 1 message/);
});

test("somebody chooses columns and keeps the view", async ({ page, open, server }) => {
  const type = unique("mail.view");
  await waiting(server, type, 1, { tags: ["vip"], metadata: { region: "eu" } });
  await open(`/messages?type=${type}`);
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Tags" }).click();
  await page.getByRole("menuitemcheckbox", { name: "region" }).click();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("row").nth(1)).toContainText("vip");
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Save this view…" }).click();
  await page.getByLabel("Name").fill("Of a region");
  await page.getByRole("button", { name: "Save" }).click();
  await open("/messages");
  await expect(page.getByRole("columnheader", { name: "Tags" })).toBeVisible(); // remembered
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Of a region", exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`type=${type.replaceAll(".", "\\.")}`));
  await expect(page).toHaveURL(/columns=metadata\.region/);
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Copy a link to this view" }).click();
  await expect(page.getByRole("status").filter({ hasText: "link" })).toBeVisible();
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Delete the view Of a region" }).click();
});

test("all that match are exported", async ({ page, open, server }) => {
  const type = unique("mail.export");
  await waiting(server, type, 60);
  await open(`/messages?type=${type}`);
  for (const [item, name, lines] of [["JSON lines", "messages.jsonl", 60], ["CSV", "messages.csv", 61], ["JSON lines, unmasked", "messages.jsonl", 60]] as const) {
    await page.getByRole("button", { name: "Export" }).click();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: item, exact: true }).click()]);
    expect(file.suggestedFilename()).toBe(name);
    expect((await readFile(await file.path(), "utf8")).trimEnd().split("\n")).toHaveLength(lines);
  }
});

test("a rare message is looked for further back", async ({ page, open, server }) => {
  test.setTimeout(180_000);
  const rare = unique("rare");
  await waiting(server, rare, 1);
  const common = unique("mail.common");
  for (let i = 0; i < 52; i++) await waiting(server, common, 1000);
  await open(`/messages?type=${rare}`);
  await expect(page.getByText("found 0 messages so far", { exact: false })).toBeVisible();
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("row").nth(1)).toContainText(rare);
});

test("who may only read is offered no change, and who may only watch sees no payload", async ({ page, signIn, open, server }) => {
  const type = unique("mail.scopes");
  await waiting(server, type, 1);
  await signIn(await server.newKey("reads", ["read"]));
  await open(`/messages?type=${type}`);
  await expect(page.getByRole("row").nth(1)).toContainText("n: 0");
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await signIn(await server.newKey("watches", ["observe"]));
  await open(`/messages?type=${type}`);
  await expect(page.getByRole("row").nth(1)).toContainText("Masked");
  await page.getByRole("combobox", { name: "Filter messages" }).fill("some text");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("scope read");
});

test("on a phone each message is a card", async ({ page, open, server, accessible }) => {
  const type = unique("mail.phone");
  await waiting(server, type, 2);
  await page.setViewportSize(phone);
  await open(`/messages?type=${type}`);
  await expect(page.getByText(type).nth(1)).toBeVisible();
  await page.getByRole("row").nth(1).getByRole("checkbox").click();
  await expect(page.getByRole("button", { name: "Cancel 1…" })).toBeVisible();
  await accessible();
});
