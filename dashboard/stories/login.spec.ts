import { expect, phone, test } from "./fixtures.ts";
import { Supabase } from "./supabase.ts";

test("a user of the project signs in by password, with GitHub, and by a link in a mail", async ({ page, own, at, expectErrors, accessible }) => {
  const supabase = await Supabase.start();
  const server = await own(supabase.configuration);
  at.origins.push(supabase.url); // the way to GitHub leads there
  expectErrors(/401/); // a wrong password, and asking who is signed in when nobody is
  await page.context().clearCookies();
  await page.goto(server.url + "/dashboard/messages?status=failed");
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await accessible();
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in", exact: true }).first().click();
  await expect(page.getByRole("alert")).toContainText("The e-mail address or the password is not right.");
  await page.getByLabel("Password").fill("secret");
  await page.getByRole("button", { name: "Sign in", exact: true }).first().click();
  await expect(page).toHaveURL(server.url + "/dashboard/messages?status=failed");
  const signOut = async () => {
    await page.getByRole("button", { name: "Account" }).click();
    await expect(page.getByRole("menu")).toContainText("ada@example.com");
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await expect(page.getByLabel("E-mail address")).toBeVisible(); // whoever leaves the page before stays signed in
  };
  await signOut();

  // With GitHub, back to where she wanted to be.
  await page.goto(server.url + "/dashboard/queues?q=mail");
  await page.getByRole("link", { name: "Continue with GitHub" }).click();
  await expect(page).toHaveURL(server.url + "/dashboard/queues?q=mail");
  await signOut();

  // By a link, on a phone.
  await page.setViewportSize(phone);
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByRole("button", { name: "Send me a link" }).click();
  await expect(page.getByText("a link is on its way")).toBeVisible();
  expect(supabase.mails).toHaveLength(1);
  await page.goto(supabase.mails[0]!);
  await expect(page).toHaveURL(server.url + "/dashboard/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();

  // The link is good once; the page that says so leads back.
  await page.goto(supabase.mails[0]!);
  await expect(page.getByRole("heading", { name: "You are not signed in" })).toBeVisible();
  await accessible();
  await page.getByRole("link", { name: "To the dashboard" }).click();
  await expect(page).toHaveURL(server.url + "/dashboard/");
  await signOut();

  // A key is taken as well.
  await page.getByText("With an API key").click();
  await page.getByLabel("API key", { exact: true }).fill(server.key);
  await page.getByRole("button", { name: "Sign in", exact: true }).last().click();
  await expect(page.getByRole("button", { name: "Account" })).toBeVisible();
  await supabase.stop();
});

test("the link of the first start opens the dashboard once", { tag: "@core" }, async ({ page, server, expectErrors, accessible }) => {
  expectErrors(/401/); // the link, once more
  await page.context().clearCookies();
  const { code } = await server.call("POST", "/api/symphony/session/code");
  const link = `${server.url}/dashboard/login?code=${code}`;
  await page.goto(link);
  await accessible();
  await page.getByRole("button", { name: "Open the dashboard" }).click();
  await expect(page).toHaveURL(server.url + "/dashboard/");
  await expect(page.getByRole("button", { name: "Account" })).toBeVisible();
  await page.goto(link);
  await expect(page.getByText("used already")).toBeVisible();
});
