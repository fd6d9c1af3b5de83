import type { Locator } from "@playwright/test";
import { expect, test, unique } from "./fixtures.ts";

test("a queue is paused with a reason, and goes on", { tag: "@core" }, async ({ page, open, server }) => {
  const queue = unique("pausing");
  await server.until(await server.dispatch("mail.first", {}, { queue }), "completed");
  await open("/queues");
  await page.getByPlaceholder("Find a queue").fill(queue);
  await page.getByRole("link", { name: queue }).click();
  await page.getByRole("button", { name: "Pause…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("the mail server is moved");
  await dialog.getByLabel("For how long").selectOption({ label: "1 hour" });
  await dialog.getByRole("button", { name: "Pause", exact: true }).click();
  await expect(page.getByText("the mail server is moved")).toBeVisible();
  await expect(page.getByText(/ends/)).toBeVisible();
  const id = await server.dispatch("mail.waits", {}, { queue });
  await expect(page.getByRole("link", { name: "mail.waits" })).toBeVisible({ timeout: 15_000 });
  // A search that has looked at many others, and has not come to what waits, goes on.
  const oldest = /\/messages\?.*sort=createdAt/;
  await page.route(oldest, async (route) => {
    const url = new URL(route.request().url());
    const pagination = { limit: 10, hasMore: true, nextCursor: "further" };
    if (!url.searchParams.has("cursor")) return route.fulfill({ json: { success: true, messages: [], pagination } });
    if (url.searchParams.get("cursor") === pagination.nextCursor) url.searchParams.delete("cursor");
    await route.continue({ url: url.href });
  });
  await page.reload();
  await expect(page.getByRole("link", { name: "mail.waits" })).toBeVisible();
  await page.unroute(oldest);
  // In the list the word stands in line with the rest of its row.
  await open(`/queues?q=${queue}`);
  const row = page.getByRole("row").filter({ hasText: queue });
  const middle = async (what: Locator) => what.boundingBox().then((b) => b!.y + b!.height / 2);
  expect(Math.abs(await middle(row.getByText("Paused")) - await middle(row.getByRole("link")))).toBeLessThanOrEqual(1);
  await row.getByRole("link").click();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await server.until(id, "completed");
  await expect(page.getByText(`Queue ${queue} is paused.`)).toHaveCount(0);
});

test("a flood is slowed down, and let go", async ({ page, open, server, expectErrors }) => {
  expectErrors(/400/); // a rate that is none
  const queue = unique("flood");
  await server.dispatch("mail.first", {}, { queue });
  await open(`/queue?transport=default&queue=${queue}`);
  await page.getByRole("button", { name: "Set a limit" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("At the same time").fill("many");
  await expect(dialog.getByText("A whole number, at least 1.")).toBeVisible();
  await dialog.getByLabel("At the same time").fill("2");
  await dialog.getByLabel("Rate").fill("fast");
  await dialog.getByRole("button", { name: "Set the limit" }).click();
  await expect(dialog.getByRole("alert")).toContainText("rate");
  await dialog.getByLabel("Rate").fill("5/s");
  await dialog.getByLabel("For how long").selectOption({ label: "15 minutes" });
  await dialog.getByRole("button", { name: "Set the limit" }).click();
  await expect(page.getByRole("row", { name: new RegExp(queue) })).toContainText("2 at a time, 5/s");
  await page.getByRole("button", { name: `Change: ${queue}` }).click();
  await expect(dialog.getByLabel("At the same time")).toHaveValue("2");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: `Take away: ${queue}` }).click();
  await dialog.getByRole("button", { name: "Take away" }).click();
  await expect(page.getByText("No limit holds here.")).toBeVisible();
});

test("a queue is drained, and emptied once its name is typed", async ({ page, open, server }) => {
  const queue = unique("old");
  await server.call("POST", "/api/symphony/pause", { queue });
  await server.dispatch("mail.old", {}, { queue });
  await open(`/queue?transport=default&queue=${queue}`);
  await page.getByRole("button", { name: "Purge…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Deletes 1 waiting message");
  await expect(dialog).toContainText("cannot be undone");
  await dialog.getByLabel("Name of the queue").fill(queue.slice(1));
  await expect(dialog.getByRole("button", { name: "Delete them for good" })).toHaveAttribute("aria-disabled", "true");
  await dialog.getByLabel("Name of the queue").fill(queue);
  await dialog.getByRole("button", { name: "Delete them for good" }).click();
  await expect(page.getByText("1 message deleted.")).toBeVisible();
  await page.getByRole("button", { name: "Drain…" }).click();
  await dialog.getByRole("button", { name: "Drain", exact: true }).click();
  await expect(page.getByText(`Queue ${queue} drains.`).first()).toBeVisible();
  await expect(server.dispatch("mail.new", {}, { queue })).rejects.toThrow(/queue_draining/);
  // Of a queue that was never seen there is nothing to purge either.
  await open(`/queue?transport=default&queue=${queue}-none`);
  await expect(page.getByRole("button", { name: "Purge…" })).toHaveAttribute("aria-disabled", "true");
});

test("one of two hundred queues is found", async ({ page, open, server }) => {
  const name = unique("many");
  const messages = Array.from({ length: 200 }, (_, i) => ({ message: { type: "mail.many", payload: {} }, options: { queue: `${name}-${i}`, delay: 3_600_000 } }));
  await server.call("POST", "/api/symphony/dispatch/batch", { messages });
  await server.call("POST", "/api/symphony/pause", { queue: `${name}-77` });
  await open(`/queues?q=${name}`);
  await expect(page.getByRole("grid", { name: "Queues" })).toHaveAttribute("aria-rowcount", "201");
  await page.getByLabel("Show").selectOption({ label: "Held" });
  await expect(page.getByRole("link", { name: `${name}-77` })).toBeVisible();
  await expect(page.getByRole("grid", { name: "Queues" })).toHaveAttribute("aria-rowcount", "2");
  await page.getByLabel("Order").selectOption({ label: "Most waiting" });
  await expect(page).toHaveURL(/show=held.*sort=waiting/);
});

test("who may only read sees a queue and changes nothing", async ({ page, open, server, signIn }) => {
  const queue = unique("seen");
  await server.call("POST", "/api/symphony/pause", { queue, reason: "look" });
  await signIn(await server.newKey(unique("reader"), ["read"]));
  await open(`/queue?transport=default&queue=${queue}`);
  await expect(page.getByText(`Queue ${queue} is paused.`)).toBeVisible();
  for (const name of ["Resume", "Pause…", "Drain…", "Purge…", "Set a limit", "Send a message"]) await expect(page.getByRole("button", { name })).toHaveCount(0);
});

test("who did something is told by the name of his key to those who may list keys", async ({ page, open, server, signIn, expectErrors }) => {
  const queue = unique("named");
  const type = unique("named.message");
  const made = (name: string, scopes: string[], types?: string[]) => server.call("POST", "/api/symphony/keys", { name, scopes, types });
  const operator = await made(unique("night shift"), ["operate", "read"]);
  const sender = await made(unique("signup form"), ["dispatch"], [type]);
  await server.call("POST", "/api/symphony/pause", { queue, reason: "look" }, operator.secret);
  await server.call("PUT", `/api/symphony/limits/queue/default/${queue}`, { concurrency: 3 }, operator.secret);
  const { messageId } = await server.call("POST", "/api/symphony/dispatch", { message: { type, payload: {} }, options: { queue } }, sender.secret);
  await server.call("POST", `/api/symphony/messages/${messageId}/cancel`, { reason: "a mistake" }, operator.secret);
  const { operation } = await server.call("POST", "/api/symphony/messages/cancel", { filter: { type } }, operator.secret);
  const dispatchedBy = `api_key:${sender.key.id}`;
  let asked = 0;
  page.on("request", (r) => new URL(r.url()).pathname === "/api/symphony/keys" && asked++);

  const holdBy = async (who: string, title: string | null) => {
    await open(`/queue?transport=default&queue=${queue}`);
    const told = page.getByText(`by ${who}`, { exact: true });
    await expect(told).toHaveCount(2); // of the pause, and of the limit
    for (const e of await told.all()) expect(await e.getAttribute("title")).toBe(title);
  };
  const allBy = async (who: string, from: string) => {
    await open("/operations");
    await expect(page.getByRole("row").filter({ has: page.locator(`a[href*="${operation.id}"]`) })).toContainText(who);
    await open(`/operations/${operation.id}`);
    await expect(page.getByRole("definition").filter({ hasText: who })).toBeVisible();
    await open(`/messages/${messageId}?transport=default`);
    await expect(page.getByText(`Cancelled by ${who}. Reason: a mistake`)).toBeVisible();
    await expect(page.getByRole("listitem").filter({ hasText: `Dispatched by ${from}` })).toBeVisible();
    await expect(page.getByRole("link", { name: from, exact: true })).toHaveAttribute("href", new RegExp(`dispatchedBy=${encodeURIComponent(dispatchedBy)}`));
    await open(`/messages?type=${type}&columns=type&columns=by`);
    await expect(page.getByRole("row").filter({ hasText: from })).toBeVisible();
  };
  await holdBy(operator.key.name, operator.key.id);
  await allBy(operator.key.name, sender.key.name);
  // A key that is no more keeps its name.
  await server.call("DELETE", `/api/symphony/keys/${operator.key.id}`);
  await holdBy(operator.key.name, operator.key.id);
  // Where the names cannot be had the ids do.
  expectErrors(/500/);
  await page.route("**/api/symphony/keys", (route) => route.fulfill({ status: 500, json: {} }));
  await Promise.all([page.waitForResponse("**/api/symphony/keys"), holdBy(operator.key.id, null)]);
  await expect(page.getByText(`by ${operator.key.id}`, { exact: true })).toHaveCount(2);
  await expect(page.getByRole("main").getByRole("alert")).toHaveCount(0);
  await page.unroute("**/api/symphony/keys");
  // Who may not list keys asks for none.
  await signIn(await server.newKey(unique("operator"), ["operate", "read"]));
  asked = 0;
  await holdBy(operator.key.id, null);
  await allBy(operator.key.id, dispatchedBy);
  expect(asked).toBe(0);
});
