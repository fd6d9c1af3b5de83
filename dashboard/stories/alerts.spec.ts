import { expect, test } from "./fixtures.ts";

test("somebody sees which rules there are, and that nobody judges them", async ({ page, open }) => {
  await open("/alerts");
  await expect(page.getByText("alerts are switched off")).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: "Messages fail for good" }).first();
  await expect(row).toContainText("10");
  await row.getByRole("link", { name: "Failed messages" }).click();
  await expect(page).toHaveURL(/\/dashboard\/failed/);
});

test("the webhooks of alerts are tried before they are needed", async ({ page, own, open }) => {
  await own(`
alerts:
  webhooks:
    - url: http://127.0.0.1:9/nobody
      secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]
`);
  await open("/alerts");
  await page.getByRole("button", { name: "Send a test" }).click();
  await expect(page.getByRole("dialog")).toContainText("Not taken");
  await expect(page.getByRole("dialog")).toContainText("http://127.0.0.1:9/");
});
