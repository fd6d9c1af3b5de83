import { expect, phone, test, unique } from "./fixtures.ts";

test("somebody sends an order by its form", { tag: "@core" }, async ({ page, open, server }) => {
  await server.dispatch("order.paid", { id: "first", amount: 1 });
  await open("/send?type=order.paid");
  await expect(page.getByLabel(/^id/)).toBeVisible();
  await expect(page.getByText(/too short/)).toHaveCount(0); // nobody has written anything yet
  await page.getByLabel(/^id/).fill("a");
  await page.getByLabel(/^id/).fill("");
  await expect(page.getByText(/too short/)).toBeVisible();
  await page.getByLabel(/^id/).fill("a-42");
  await page.getByLabel(/^amount/).fill("12345678901234567890.10");
  await page.getByLabel("currency", { exact: true }).selectOption("EUR");
  await page.getByRole("button", { name: "JSON", exact: true }).click();
  await expect(page.locator(".cm-content")).toContainText("12345678901234567890.10");
  await page.locator(".cm-content").fill('{"id": "a-43", "amount": 7}');
  await page.getByRole("button", { name: "Form", exact: true }).click();
  await expect(page.getByLabel(/^id/)).toHaveValue("a-43");
  await page.getByText("All as the settings say.").click();
  await page.getByLabel("Tags").fill("by-hand");
  await page.setViewportSize(phone); // where what came of it is seen without a look for it
  await page.getByRole("button", { name: "Send", exact: true }).click();
  const sent = page.getByRole("region").or(page.locator("section")).filter({ has: page.getByRole("heading", { name: "Sent" }) });
  await expect(sent.getByText("Completed")).toBeInViewport({ ratio: 1 });
  await sent.getByRole("link").click();
  await expect(page.getByRole("link", { name: "by-hand" })).toBeVisible();
});

test("what is wrong with a message is told at its place", async ({ page, open, expectErrors }) => {
  expectErrors(/Failed to load resource.*400/);
  await open("/send?type=order.paid&view=json");
  await page.locator(".cm-content").fill('{"id": "", "amount": "much"}');
  await expect(page.getByRole("status").filter({ hasText: "amount" })).toBeVisible();
  await page.getByText("All as the settings say.").click();
  await page.getByLabel("Delay").fill("soon");
  await expect(page.getByText(/soon is no duration/)).toBeVisible();
  await page.getByLabel("Delay").fill("");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("message.payload.amount");
});

test("somebody sends another one like it", async ({ page, open, server }) => {
  const type = unique("mail.again");
  const id = await server.dispatch(type, { n: 1 }, { tags: ["vip"], priority: 7 });
  await server.until(id, "completed");
  await open(`/messages/${id}`);
  await page.getByRole("button", { name: "Send another like this" }).click();
  await expect(page.getByText("Filled in from")).toBeVisible();
  // What the page names relative to <base> stays where it is on a page of another depth, its icon too.
  expect(await page.evaluate(() => new URL(document.querySelector<HTMLLinkElement>("link[rel=icon]")!.href).pathname)).toBe("/dashboard/favicon.svg");
  await expect(page.getByLabel("Tags")).toHaveValue("vip");
  await page.locator(".cm-content").fill('{"n": 2}');
  await page.getByRole("button", { name: /Use the payload/ }).first().click();
  await expect(page.locator(".cm-content")).toContainText('"n": 1');
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.locator("ol[aria-live]").getByText("Completed")).toBeVisible();
});

test("somebody sends the messages of a file", async ({ page, open }) => {
  const type = unique("mail.file");
  const line = (n: number) => JSON.stringify({ message: { type, payload: { n } } });
  await open("/send?mode=file");
  const file = { name: "some.jsonl", mimeType: "application/x-ndjson", buffer: Buffer.from([line(1), "nonsense", line(2)].join("\n")) };
  await page.getByLabel("File", { exact: true }).setInputFiles(file);
  await expect(page.getByRole("row").filter({ hasText: "2" }).last()).toBeVisible();
  await page.getByRole("button", { name: "Send 2 messages" }).click();
  await page.getByRole("link", { name: "To the newest messages" }).click();
  await expect(page.getByText(type).first()).toBeVisible();
  await open("/send?mode=file");
  await page.getByLabel("File", { exact: true }).setInputFiles({ name: "some.csv", mimeType: "text/csv", buffer: Buffer.from(`type,payload\n${type},"{""n"": 3}"\n`) });
  await expect(page.getByRole("button", { name: "Send 1 message" })).toBeVisible();
  // On a phone a problem is read in whole.
  await page.setViewportSize(phone);
  await page.getByLabel("File", { exact: true }).setInputFiles({ ...file, buffer: Buffer.from(`{"message": {"type": "${type}", "payload": {}}, "queue": "${"no queue of this name ".repeat(4)}"}`) });
  const problem = page.getByRole("row").getByText(/must/);
  await expect(problem).toBeVisible();
  expect(await problem.evaluate((e) => e.parentElement!.scrollWidth - e.parentElement!.clientWidth)).toBeLessThanOrEqual(0);
});

test("who may not send is told which scope it takes", async ({ page, open, server, signIn }) => {
  await signIn(await server.newKey(unique("reader"), ["read"]));
  await open("/send");
  await expect(page.getByText("This takes the scope dispatch")).toBeVisible();
});
