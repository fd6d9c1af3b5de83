import { expect, test, unique } from "./fixtures.ts";

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
