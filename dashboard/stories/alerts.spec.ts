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

test("somebody sees what fired, and when it was over", async ({ page, own, open }) => {
  const server = await own(`
alerts:
  enabled: true
  interval: 1s
  for: 0s
  oldest_message: { age: 1s }
`);
  await server.call("POST", "/api/symphony/workers/stop");
  await server.wait("the workers to stop", async () => (await server.call("GET", "/api/symphony/nodes")).nodes[0].workers.every((w: { running: boolean }) => !w.running));
  const id = await server.dispatch("mail.late");
  await open("/alerts");
  await expect(page.getByText("No alert has fired in the last day.")).toBeVisible();
  const history = page.getByRole("grid", { name: "What fired lately" });
  const row = history.getByRole("row").filter({ hasText: "The oldest message waits too long" });
  await expect(row).toContainText("It still fires");
  await server.call("POST", "/api/symphony/workers/start");
  await server.until(id, "completed");
  await expect(row).not.toContainText("It still fires");
  await page.reload(); // what was told before the page was opened is there too
  await expect(row).toHaveCount(1);
  await expect(row).not.toContainText("It still fires");
});
