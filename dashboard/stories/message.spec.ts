import { expect, phone, test, unique } from "./fixtures.ts";

test("somebody corrects a failed message and retries it", { tag: "@core" }, async ({ page, open, server, expectErrors }) => {
  expectErrors(/status of 400.*|Failed to load resource.*(400|404)/);
  const id = await server.dispatch("broken.order", { order: 1, sum: 7 });
  await server.until(id, "failed");
  await open(`/messages/${id}`);
  await expect(page.getByText("Failed for good after 1 attempt")).toBeVisible();
  await expect(page.getByText("no such customer").first()).toBeVisible();
  await page.getByRole("button", { name: "Correct and retry" }).click();
  const dialog = page.getByRole("dialog");
  const editor = dialog.locator(".cm-content");
  await editor.fill("[]");
  await expect(dialog.getByText("A payload is an object")).toBeVisible();
  await editor.fill('{"order": 12345678901234567890, "sum": 7}');
  await dialog.getByRole("button", { name: "Retry corrected" }).click();
  await expect(page.getByRole("heading", { name: "Corrected when it was retried" })).toBeVisible();
  await expect(page).not.toHaveURL(new RegExp(id));
  await expect(page.getByRole("tree", { name: "Payload" })).toContainText("12345678901234567890");
  await expect(page.getByRole("list", { name: /audit trail/ })).toContainText("failed.retry");
});

test("what is typed over takes nothing of its look along", async ({ page, open, server, expectErrors }) => {
  expectErrors(/Failed to load resource.*(400|404)/);
  const id = await server.dispatch("broken.order", { order: 1, sum: 7 });
  await server.until(id, "failed");
  await open(`/messages/${id}`);
  await page.getByRole("button", { name: "Correct and retry" }).click();
  const editor = page.getByRole("dialog").locator(".cm-content");
  await editor.press("Control+End");
  // The browser tells of a selection a moment after it was made; here it does so only after the typing.
  await editor.evaluate((content) => {
    addEventListener("selectionchange", (e) => e.stopImmediatePropagation(), { capture: true });
    const selection = (content.getRootNode() as unknown as Document).getSelection()!;
    selection.selectAllChildren(content);
  });
  await page.keyboard.insertText('{"sum": 8}');
  await expect(editor).toHaveText('{"sum": 8}');
});

test("somebody reads what happened to a message that was tried three times", async ({ page, open, server }) => {
  server.receiver.answer({ status: 503 });
  const id = await server.dispatch("webhook.tried", { a: 1 });
  await server.until(id, "failed");
  server.receiver.answer({ status: 204 });
  await open(`/messages/${id}`);
  await expect(page).toHaveURL(/transport=default/);
  const picture = page.getByRole("list", { name: "The message's life as a picture" });
  await expect(picture.getByRole("button", { name: /Attempt 3, failed/ })).toBeVisible();
  await picture.getByRole("button", { name: /Attempt 1, failed/ }).press("Enter");
  await expect(page.getByRole("listitem").filter({ hasText: "Attempt 1, failed" }).last()).toBeFocused();
  await expect(page.getByRole("link", { name: "All that failed alike" })).toBeVisible();
});

test("somebody changes his mind about messages that wait", async ({ page, open, server }) => {
  const later = () => server.dispatch("mail.later", { a: 1 }, { delay: 86_400_000 });
  await open(`/messages/${await later()}`);
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Priority").selectOption("9");
  await dialog.getByLabel("Tags").fill("vip, eu");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("link", { name: "vip" })).toBeVisible();
  await page.getByRole("button", { name: "Run now" }).click();
  await expect(page.getByText("Completed at the first attempt")).toBeVisible();

  await open(`/messages/${await later()}`);
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await dialog.getByLabel("Reason").fill("ordered twice");
  await dialog.getByRole("button", { name: "Cancel the message" }).click();
  await expect(page.getByText("Reason: ordered twice")).toBeVisible();

  await open(`/messages/${await later()}`);
  await page.getByRole("button", { name: "Delete" }).click();
  await expect(dialog).toContainText("Only the entry in the audit trail is left");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(/\/messages(\?|$)/);
});

test("somebody dispatches a completed message again and follows what it has caused", async ({ page, open, server }) => {
  const id = await server.dispatch("mail.first", { n: 1 }, { onSuccess: { type: "mail.second" }, headers: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" } });
  await server.until(id, "completed");
  await open(`/messages/${id}?transport=default`);
  await expect(page.getByRole("link", { name: "Open the trace" })).toHaveAttribute("href", "https://traces.example.com/trace/4bf92f3577b34da6a3ce929d0e0e4736");
  await page.getByRole("button", { name: "Go", exact: true }).click();
  await expect(page.getByText("client.New(")).toBeVisible();
  await page.getByRole("button", { name: "Replay" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Change the payload first").check();
  await dialog.locator(".cm-content").fill('{"n": 2}');
  await dialog.getByRole("button", { name: "Replay" }).click();
  await expect(page).not.toHaveURL(new RegExp(id));
  const story = page.getByRole("group", { name: /Messages of the same story/ });
  await expect(story.getByRole("link")).toHaveCount(4);
  await story.getByRole("link", { name: /mail.first.*/ }).first().click();
  await expect(page).toHaveURL(new RegExp(id));
});

test("somebody goes through a list of messages one by one", async ({ page, open, server }) => {
  const type = unique("mail.row");
  const ids = [await server.dispatch(type), await server.dispatch(type), await server.dispatch(type)];
  await open(`/messages/${ids[1]}?transport=default&list=${encodeURIComponent(`type=${type}`)}`);
  await expect(page.getByRole("button", { name: /Previous in the list/ })).toBeEnabled();
  await expect(page.getByRole("button", { name: /Next in the list/ })).toBeEnabled();
  await page.keyboard.press("j");
  await expect(page).toHaveURL(new RegExp(ids[0]!));
  await page.getByRole("button", { name: /Previous in the list/ }).click();
  await expect(page).toHaveURL(new RegExp(ids[1]!));
});

test("somebody watches a message make progress", async ({ page, own, open }) => {
  const server = await own();
  await server.call("POST", "/api/symphony/workers/stop"); // which would take it from who pulls
  await server.wait("the workers to end", async () => (await server.call("GET", "/api/symphony/nodes")).nodes[0].workers.every((w: any) => !w.running));
  const id = await server.dispatch("nobody.pulls", { a: 1 }, { queue: "pulled" });
  await open(`/messages/${id}`);
  const received = await server.call("POST", "/api/symphony/receive", { queues: ["pulled"], max: 1, wait: 5000, lease: 60_000 });
  const { receipt } = received.messages[0];
  await server.call("POST", "/api/symphony/extend", { receipts: [receipt], lease: 60_000, progress: { done: 3, total: 10, text: "the third of ten" } });
  await expect(page.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "3");
  await expect(page.getByText("the third of ten")).toBeVisible();
  await server.call("POST", "/api/symphony/ack", { items: [{ receipt, output: { rows: 12345 } }] });
  await expect(page.getByRole("tree", { name: "Output" })).toContainText("12345");
});

test("somebody who may sees what is hidden of a payload", async ({ page, open, server, signIn }) => {
  const id = await server.dispatch("card.pay", { card: { number: "4111" }, sum: 1 }, { delay: 86_400_000 });
  await open(`/messages/${id}?transport=default`);
  const payload = page.getByRole("tree", { name: "Payload" });
  await expect(payload).toContainText("[redacted]");
  await page.getByRole("button", { name: "Show what is hidden" }).click();
  await expect(payload).toContainText("4111");
  await signIn(await server.newKey(unique("wall"), ["observe"]));
  await open(`/messages/${id}?transport=default`);
  await expect(page.getByText("Hidden from your scopes").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Edit" })).toHaveCount(0);
});

test("somebody opens an old link", async ({ page, open, server, expectErrors }) => {
  expectErrors(/Failed to load resource.*404/);
  await open("/messages/01a228d0-0000-7e97-9faf-5d6d0f1267cc");
  await expect(page.getByText("There is no such message")).toBeVisible();
  const id = await server.dispatch("broken.old");
  await server.until(id, "failed");
  const { newMessageId } = await server.call("POST", `/api/symphony/failed/${id}/retry`);
  await open(`/messages/${id}?transport=default`);
  await page.getByRole("link", { name: newMessageId }).click();
  await expect(page).toHaveURL(new RegExp(newMessageId));
});

test("a large payload does not hold the page up", async ({ page, open, server }) => {
  const rows = Array.from({ length: 6000 }, (_, i) => ({ i, text: "x".repeat(100) }));
  const id = await server.dispatch("mail.large", { rows, last: "here" });
  await open(`/messages/${id}?transport=default`);
  const tree = page.getByRole("tree", { name: "Payload" });
  await expect(tree).toContainText('"last": "here"');
  await tree.getByRole("button", { name: /rows/ }).click();
  await expect(tree.getByText("Show more (5,900 members)")).toBeVisible();
  await page.getByRole("group", { name: "Payload" }).getByRole("button", { name: "Raw" }).click();
  await page.getByRole("button", { name: /Show all \(/ }).click();
  await expect(page.getByRole("region", { name: "Payload" })).toContainText('"last": "here"');
});

test("a failed message is read on a phone", async ({ page, open, server, accessible }) => {
  const id = await server.dispatch("broken.phone", { a: { b: [1, 2, 3] } });
  await server.until(id, "failed");
  await page.setViewportSize(phone);
  await open(`/messages/${id}`);
  await expect(page.getByRole("button", { name: "Correct and retry" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width);
  await accessible();
});
