import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  // Long, so that a machine that does much else fails no story; a story that passes waits for none of it.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  workers: 1,
  forbidOnly: !!process.env.CI,
  reporter: [["list"]],
  use: {
    trace: "retain-on-failure",
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] },
  },
});
