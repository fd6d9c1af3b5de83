import { defineConfig } from "@playwright/test";

// STORAGE_URL names a PostgreSQL database for the server; without it each process of the tests has a server on SQLite.
const postgres = process.env.STORAGE_URL !== undefined;

export default defineConfig({
  testDir: ".",
  timeout: 60_000,
  expect: { timeout: 10_000 },
  // A database is shared by the servers on it, and with it what one story does to all messages.
  workers: postgres ? 1 : 2,
  fullyParallel: !postgres,
  forbidOnly: !!process.env.CI,
  reporter: [["list"], ["json", { outputFile: "test-results/report.json" }]],
  use: {
    baseURL: "http://127.0.0.1", // of the server that a fixture starts
    viewport: { width: 1280, height: 800 },
    trace: "retain-on-failure",
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
  },
});
