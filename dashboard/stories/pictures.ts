// Makes the pictures of docs/images, as the pages are now: npm run pictures.
import { join, resolve } from "node:path";
import { test } from "@playwright/test";
import { Server } from "./server.ts";

const folder = resolve(import.meta.dirname, "../../docs/images");

test("pictures of the documentation", async ({ page }) => {
  test.setTimeout(600_000);
  const server = await Server.start();
  try {
    server.receiver.answer({ status: 422, body: { error: "the order has no address" } });
    for (let i = 1; i <= 40; i++) await server.dispatch("mail.welcome", { to: `user${i}@example.com` }, { queue: "mail" });
    for (let i = 1; i <= 7; i++) await server.dispatch("broken.import", { customer: 4700 + i }, { queue: "imports" });
    for (let i = 1; i <= 3; i++) await server.dispatch("webhook.invoice", { order: i, amount: 12.5 });
    for (let i = 1; i <= 4; i++) await server.dispatch("nobody.report", { month: i }, { queue: "slow", scheduledAt: "2030-01-01T00:00:00Z" });
    await server.call("POST", "/api/symphony/pause", { queue: "slow", reason: "the template is being changed" });
    await server.wait("what fails", async () => (await server.call("GET", "/api/symphony/failed")).messages.length >= 10);
    await page.context().request.post(server.url + "/api/symphony/session", { headers: { Authorization: `Bearer ${server.key}` } });
    const failed = (await server.call("GET", "/api/symphony/failed?type=webhook.invoice&limit=1")).messages[0];
    const pages: [string, string][] = [
      ["overview", "/"], ["messages", "/messages"], ["failed", "/failed"], ["message", `/messages/${failed.messageId}?transport=default`], ["queues", "/queues"],
    ];
    for (const [name, path] of pages) {
      for (const [mode, scheme, width, height] of [["", "light", 1280, 800], ["-dark", "dark", 1280, 800], ["-phone", "light", 390, 844]] as const) {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme: scheme });
        await page.goto(`${server.url}/dashboard${path}`);
        await page.getByText("Loading…").first().waitFor({ state: "hidden" });
        await page.waitForTimeout(1200); // charts are drawn
        await page.screenshot({ path: join(folder, `${name}${mode}.png`) });
      }
    }
  } finally {
    await server.stop();
  }
});
