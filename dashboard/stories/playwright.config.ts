import { defineConfig } from "@playwright/test";

// STORAGE_URL names a PostgreSQL database for the server, or several with spaces between them: one for each process of the
// tests, as what one story does to all messages would be seen by others. Without it each has a server on SQLite.
const databases = process.env.STORAGE_URL?.split(" ");

export default defineConfig({
  testDir: ".",
  // Long, so that a machine that does much else fails no story; a story that passes waits for none of it.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  workers: databases?.length ?? 2,
  fullyParallel: true,
  // Lighthouse measures times, so it has the machine for itself.
  projects: [
    { name: "stories", testIgnore: "lighthouse.spec.ts" },
    { name: "lighthouse", testMatch: "lighthouse.spec.ts", dependencies: ["stories"] },
  ],
  // Pictures of pages are those of the documentation, on whatever system.
  snapshotPathTemplate: "../../docs/images/{arg}{ext}",
  forbidOnly: !!process.env.CI,
  reporter: [["list"], ["json", { outputFile: "test-results/report.json" }]],
  use: {
    baseURL: "http://127.0.0.1", // of the server that a fixture starts
    viewport: { width: 1280, height: 800 },
    contextOptions: { reducedMotion: "reduce" },
    trace: "retain-on-failure",
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] },
  },
});
