import { expect, test, unique } from "./fixtures.ts";

test("an operation is stopped, looked at, and goes on", { tag: "@core" }, async ({ page, open, server }) => {
  const type = unique("mail.slowly");
  await server.call("POST", "/api/symphony/dispatch/batch", { messages: Array.from({ length: 400 }, () => ({ message: { type, payload: {} }, options: { queue: "slow", scheduledAt: "2100-01-01T00:00:00Z" } })) });
  const { operation } = await server.call("POST", "/api/symphony/messages/cancel", { filter: { type }, rate: 4, reason: "a mistake" });
  await open("/operations?state=running");
  await page.getByRole("row").filter({ has: page.locator(`a[href*="${operation.id}"]`) }).getByRole("link").click();
  await expect(page).toHaveURL(new RegExp(operation.id));
  await expect(page.getByText("of 400").first()).toBeVisible();
  await expect(page.getByText("at most 4/s").first()).toBeVisible();
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Stopped");
  await expect(page.getByText(`type:${type}`, { exact: false })).toBeVisible();
  await expect(page.getByText("a mistake")).toBeVisible();
  const stopped = (await server.call("GET", `/api/symphony/operations/${operation.id}`)).operation.done;
  expect(stopped).toBeLessThan(400);
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Running");
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Stopped");
});

test("an operation that was forgotten says so", async ({ page, open, expectErrors }) => {
  expectErrors(/404/);
  await open("/operations/0197f3a2-6c1b-7d30-9a41-2f0f6f0b6a11");
  await expect(page.getByText("There is no such operation", { exact: false })).toBeVisible();
});
