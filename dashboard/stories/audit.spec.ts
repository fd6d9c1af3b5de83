import { expect, phone, test, unique } from "./fixtures.ts";

test("somebody finds out who has paused a queue", async ({ page, open, server }) => {
  const queue = unique("orders");
  await server.call("POST", "/api/symphony/pause", { queue, reason: "a look at it" });
  await open("/audit");
  await page.getByLabel("Target").fill(queue);
  const row = page.getByRole("row").filter({ hasText: "queue.pause" });
  await expect(row).toContainText(queue);
  await expect(page).toHaveURL(new RegExp(`target=${queue}`));
  await row.getByText("queue.pause").click();
  const entry = page.getByRole("dialog");
  await expect(entry).toContainText("It was done.");
  await entry.getByRole("button", { name: "Only such actions" }).click();
  await expect(page).toHaveURL(/action=queue\.pause/);
  await page.getByLabel("Who").fill("nobody");
  await expect(page.getByText("Nothing fits these filters.")).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByLabel("Target").fill(queue);
  await row.getByRole("link", { name: queue }).click();
  await expect(page).toHaveURL(new RegExp(`/dashboard/queue\\?.*queue=${queue}`));
});

test("a link to an entry shows it, though others came since", async ({ page, own, open }) => {
  const server = await own();
  const filter = { type: "mail.none", metadata: { a: "1" } };
  await server.call("POST", "/api/symphony/messages/cancel", { filter, dryRun: true });
  const [entry] = (await server.call("GET", "/api/symphony/audit?action=message.*")).entries;
  for (let i = 0; i < 60; i++) await server.call("POST", "/api/symphony/pause", { queue: `later-${i}` });
  await page.setViewportSize(phone);
  await open(`/audit?entry=${entry.id}`);
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("heading", { name: entry.action })).toBeVisible();
  await expect(dialog.getByRole("heading", { name: "All that it is about" })).toBeVisible();
  await expect(dialog.getByText('metadata:{"a":"1"}')).toBeVisible();
  // Names and values stand below each other.
  const left = async (text: string) => (await dialog.getByText(text).first().boundingBox())!.x;
  expect(await left("To what")).toBeCloseTo(await left("filter"), 0);
  await dialog.getByRole("button", { name: "Close" }).click();
  const card = page.getByRole("row").filter({ hasText: "later-59" });
  await expect(card).toContainText("To what");
  await expect(card).not.toContainText("What came of it"); // nothing did
});
