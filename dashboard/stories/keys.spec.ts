import { expect, test, unique } from "./fixtures.ts";

test("a program gets a key of its own, which is revoked later", { tag: "@core" }, async ({ page, open, server, expectErrors }) => {
  const name = unique("checkout");
  await open("/keys");
  await page.getByRole("button", { name: "Create a key…" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("read", { exact: true }).check();
  await page.getByLabel("Expires").selectOption({ label: "In 7 days" });
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page.getByText("the only time that it is shown")).toBeVisible();
  const secret = await page.getByRole("dialog").locator("pre").first().innerText();
  expect(secret).toMatch(/^sym_/);
  await server.call("GET", "/api/symphony/status", undefined, secret);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByText(secret)).toHaveCount(0);
  const row = page.getByRole("row").filter({ hasText: name });
  await expect(row).toContainText("in 6 d");
  await row.getByRole("button", { name: "Revoke…" }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: "Revoke" })).toHaveAttribute("aria-disabled", "true");
  await page.getByLabel(`Type ${name} to confirm`).fill(name);
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(row).toHaveCount(0);
  await page.getByRole("button", { name: "All", exact: true }).click();
  await page.getByLabel("Search names and ids").fill(name);
  await expect(row).toContainText("Revoked");
  expectErrors(/401/);
  await expect(server.call("GET", "/api/symphony/status", undefined, secret)).rejects.toThrow(/401/);
});

test("a key for one kind of message opens nothing else", async ({ page, open, server, expectErrors }) => {
  const name = unique("signup");
  await open("/keys");
  await page.getByRole("button", { name: "Create a key…" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("consume", { exact: true }).check();
  await expect(page.getByLabel("Only for types")).toHaveCount(0); // whoever receives gets what is in the queue
  await page.getByLabel("read", { exact: true }).check();
  await expect(page.getByLabel("Only for queues")).toHaveCount(0);
  await page.getByLabel("consume", { exact: true }).uncheck();
  await page.getByLabel("read", { exact: true }).uncheck();
  await page.getByLabel("Only for types").fill(`${name}.*\n`);
  await page.getByLabel("Only for queues").fill("mail");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const secret = await page.getByRole("dialog").locator("pre").first().innerText();
  await page.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByRole("row").filter({ hasText: name })).toContainText(`Types: ${name}.*Queues: mail`);
  const dispatch = (type: string, queue: string) => server.call("POST", "/api/symphony/dispatch", { message: { type, payload: {} }, options: { queue } }, secret);
  await dispatch(`${name}.sent`, "mail");
  expectErrors(/403/);
  await expect(dispatch(`${name}.sent`, "other")).rejects.toThrow(/403/);
  await expect(dispatch("other", "mail")).rejects.toThrow(/403/);
  await expect(server.call("GET", "/api/symphony/status", undefined, secret)).rejects.toThrow(/403/);
});
