import { expect, phone, test, unique } from "./fixtures.ts";

test("somebody tries the API as himself", async ({ page, open, server, accessible, expectErrors }) => {
  expectErrors(/400/); // a message without a type
  const type = unique("mail.tried");
  await open("/api");
  await page.getByLabel("Filter by path, name or what it does").fill("post dispatch");
  await page.getByRole("navigation", { name: "Operations" }).getByRole("link", { name: /symphony\/dispatch$/ }).click();
  await expect(page).toHaveURL(/q=post.dispatch.*op=|op=.*q=post.dispatch/);
  await expect(page.getByRole("article").getByText("Needs the scope dispatch").first()).toBeVisible();
  await expect(page.getByText("this is no rehearsal")).toBeVisible();
  await page.locator(".cm-content").fill(`{"message": {"type": "${type}", "payload": {"n": 12345678901234567890}}}`);
  await page.getByRole("button", { name: "Send POST" }).click();
  await expect(page.getByText(/^201 after/)).toBeVisible();
  const { messages } = await server.call("GET", `/api/symphony/messages?type=${type}`);
  expect(messages).toHaveLength(1);
  await page.getByText("The same by curl").click();
  await expect(page.getByText(`curl -X POST '${server.url}/api/symphony/dispatch'`)).toBeVisible();

  // What is wrong is shown as the server says it.
  await page.locator(".cm-content").fill('{"message": {}}');
  await page.getByRole("button", { name: "Send POST" }).click();
  await expect(page.getByText(/^400 after/)).toBeVisible();
  await accessible();

  await page.setViewportSize(phone);
  await page.getByRole("link", { name: "All operations" }).click();
  await page.getByLabel("Filter by path, name or what it does").fill("no such operation");
  await expect(page.getByText("No operation matches.")).toBeVisible();
  await open("/api?op=nothing");
  await expect(page.getByText("There is no operation nothing.").or(page.getByRole("navigation", { name: "Operations" }))).toBeVisible();
});
