import { expect, test } from "./fixtures.ts";

test("somebody finds out what is in force, and where it comes from", async ({ page, own, open }) => {
  await own("supabase: { url: http://127.0.0.1:9, jwt_secret: a-secret-of-at-least-thirty-two-characters }\n");
  await open("/settings");
  await expect(page.getByText("The file that was read: symphony.yaml.")).toBeVisible();
  const setting = (key: string) => page.locator("dl > div").filter({ has: page.getByText(key, { exact: true }) });
  await expect(setting("server.access_log")).toContainText(/false\s*symphony\.yaml/);
  await expect(setting("server.addr")).toContainText("SYMPHONY_SERVER_ADDR");
  await expect(setting("database.retention")).toContainText("default");
  await expect(setting("supabase.jwt_secret")).toContainText("***");
  await expect(page.getByText("a-secret-of")).toHaveCount(0);
  await page.getByLabel("Without defaults").check();
  await expect(setting("database.retention")).toHaveCount(0);
  await page.getByLabel("Filter by key, value or source").fill("environment");
  await expect(page).toHaveURL(/q=environment.*set=1|set=1.*q=environment/);
  await expect(setting("dashboard.environment.name")).toContainText("Stories");
  await page.reload();
  await expect(page.getByRole("status").filter({ hasText: / of \d+/ })).toHaveText(/^2 of/);
  await page.getByLabel("Filter by key, value or source").fill("no such thing");
  await expect(page.getByText("No setting matches.")).toBeVisible();
});
