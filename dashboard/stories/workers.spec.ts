import { expect, test } from "./fixtures.ts";

test("somebody stops the workers before a deployment, sees what is at work, and starts them again", { tag: "@core" }, async ({ page, own, open }) => {
  const server = await own();
  let finish = () => {};
  server.receiver.answer(() => new Promise((done) => (finish = () => done({ status: 204 }))));
  const id = await server.dispatch("webhook.slow");
  await open("/workers");
  await expect(page.getByText("answers you")).toBeVisible();
  const work = page.getByRole("table", { name: "At work now" }).or(page.getByRole("list", { name: "At work now" }));
  await expect(work).toContainText("webhook.slow");
  await expect(page.getByRole("img", { name: "1 of 8 at work" }).first()).toBeVisible();
  await page.getByRole("button", { name: "Stop all" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop all" }).click();
  await server.wait("the workers to be told", async () => (await server.call("GET", "/api/symphony/nodes")).nodes[0].stopped);
  finish();
  await expect(page.getByText("Stopped by request")).toBeVisible();
  await server.until(id, "completed"); // what was begun is ended
  const waits = await server.dispatch("mail.waits");
  await expect(page.getByText("Nothing is at work.")).toBeVisible();
  await page.getByRole("button", { name: "Start all" }).click();
  await server.until(waits, "completed");
  await expect(page.getByText("Running", { exact: true })).toBeVisible();
});

test("the workers of one node are stopped, and a pull worker is seen by its name", async ({ page, own, open }) => {
  const server = await own();
  await open("/workers");
  await page.getByRole("button", { name: "Stop its workers" }).click();
  await expect(page.getByRole("dialog")).toContainText("The other nodes go on.");
  await page.getByRole("dialog").getByRole("button", { name: "Stop its workers" }).click();
  await expect(page.getByRole("button", { name: "Start its workers" })).toBeVisible();
  await server.wait("the workers to end", async () => (await server.call("GET", "/api/symphony/nodes")).nodes[0].workers.every((w: any) => !w.running));
  await server.dispatch("nobody.pulled");
  const { messages } = await server.call("POST", "/api/symphony/receive", { queues: ["default"], max: 1, wait: 5000, lease: 60_000, worker: "python-3" });
  await expect(page.getByText("python-3").first()).toBeVisible();
  await server.call("POST", "/api/symphony/ack", { items: [{ receipt: messages[0].receipt }] });
  await expect(page.getByText("Nobody else has messages.")).toBeVisible();
  await page.getByRole("button", { name: "Start its workers" }).click();
  await expect(page.getByRole("button", { name: "Stop its workers" })).toBeVisible();
});
