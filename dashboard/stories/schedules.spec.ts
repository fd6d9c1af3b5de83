import { expect, phone, test, unique } from "./fixtures.ts";

test("somebody makes a schedule and is warned of what he may not mean", { tag: "@core" }, async ({ page, open, expectErrors }) => {
  expectErrors(/400/); // an expression that never fires
  const [name, type] = [unique("report"), unique("mail.report")];
  await open("/schedules");
  await page.getByRole("button", { name: "New schedule" }).click();
  const dialog = page.getByRole("dialog");
  const preview = dialog.getByRole("region", { name: "It would run" });
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Time zone").fill("Europe/Berlin");
  await dialog.getByLabel("Cron expression").fill("30 2 * * *");
  await expect(preview).toContainText("At 02:30");
  await expect(preview).toContainText("are put forward and never show 02:30");
  await dialog.getByLabel("Cron expression").fill("0 0 30 2 *");
  await expect(preview).toContainText("It never fires.");
  await dialog.getByLabel("Cron expression").fill("* * * * * *");
  await expect(preview).toContainText("It fires each second: 86,400 messages a day.");
  await dialog.getByLabel("Cron expression").fill("0 9 * * MON-FRI");
  await expect(preview).toContainText("Monday through Friday");
  await expect(preview.getByRole("row").or(preview.getByRole("listitem"))).not.toHaveCount(0);
  await dialog.getByLabel("Type").fill(type);
  await dialog.getByRole("button", { name: "Make the schedule" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText(name);

  // By hand it runs at once, and the history has it with its message.
  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Run now" }).click();
  await expect(page.getByText("By hand")).toBeVisible();
  await expect(page.getByRole("link", { name: /^Completed/ }).first()).toBeVisible();

  // Its next occurrence does not happen.
  const next = page.locator("section").filter({ has: page.getByRole("heading", { name: "Next runs" }) }).locator("time, td, li").first();
  const first = await next.innerText();
  await page.getByRole("button", { name: "Skip next" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Skip next" }).click();
  await expect(page.getByText("Skipped by hand", { exact: true })).toBeVisible();
  await expect(next).not.toHaveText(first);
});

test("a schedule is paused, changed, and deleted", async ({ page, open, server }) => {
  const name = unique("hourly");
  await server.call("POST", "/api/symphony/schedules", { name, interval: 3_600_000, message: { type: "mail.hourly", payload: { n: 1 } }, options: { queue: "mail" } });
  await open(`/schedules?q=${name}`);
  const row = page.getByRole("row").filter({ hasText: name });
  await expect(row).toContainText("Every 1 h");
  await row.getByRole("button", { name: `More actions: ${name}` }).click();
  await page.getByRole("menuitem", { name: "Disable" }).click();
  await expect(row).toContainText("Disabled");
  await page.getByLabel("State").selectOption("disabled");
  await row.getByRole("link", { name }).click();
  await expect(page.getByText("If it were enabled now")).toBeVisible();
  await page.getByRole("button", { name: "Enable" }).click();
  await expect(page.getByRole("button", { name: "Disable" })).toBeVisible();
  await page.getByRole("button", { name: "Edit" }).click();
  await expect(page).toHaveURL(/edit=1/);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Interval", { exact: true }).fill("soon");
  await dialog.getByRole("button", { name: "Save the changes" }).click();
  await expect(dialog.getByText("This is no duration.")).toBeVisible();
  await dialog.getByLabel("Interval", { exact: true }).fill("90 min");
  await dialog.getByText("More settings").click();
  await dialog.getByLabel("Runs at most").fill("3");
  await dialog.getByRole("button", { name: "Save the changes" }).click();
  await expect(page.getByText("0 / 3")).toBeVisible();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(/\/dashboard\/schedules$/);
  await expect(page.getByRole("row").filter({ hasText: name })).toHaveCount(0);
});

test("a schedule of the configuration is only switched off and run", async ({ page, open, accessible }) => {
  await page.setViewportSize(phone);
  await open("/schedules?source=config&state=nonsense");
  await expect(page.getByText("The address asks for state=nonsense")).toBeVisible();
  await page.getByRole("link", { name: "nightly" }).click();
  await expect(page.getByText("This schedule comes from the configuration file")).toBeVisible();
  await expect(page.getByText("At 03:00")).toBeVisible();
  await expect(page.getByRole("button", { name: "Edit" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Delete" })).toHaveCount(0);
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Enable" }).click();
  await expect(page.getByRole("button", { name: "Disable" })).toBeVisible();
  await accessible();
});
