import { chromium } from "@playwright/test";
import lighthouse from "lighthouse";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "./fixtures.ts";
import { pages } from "./pages.ts";

function freePort(): Promise<number> {
  return new Promise((done) => {
    const s = createServer().listen(0, "127.0.0.1", () => {
      const { port } = s.address() as { port: number };
      s.close(() => done(port));
    });
  });
}

test("lighthouse gives every page 95 or more", async ({ server }) => {
  test.setTimeout(20 * 60_000);
  const port = await freePort();
  const profile = await mkdtemp(join(tmpdir(), "symphony-lighthouse-"));
  // Lighthouse opens a tab of its own, which has to be signed in: so the browser has a profile, which tabs share.
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", `--remote-debugging-port=${port}`],
  });
  try {
    const made = await browser.request.post(server.url + "/api/symphony/session", { headers: { Authorization: `Bearer ${server.key}` } });
    expect(made.status()).toBe(201);
    for (const path of pages) {
      await test.step(path, async () => {
        const result = await lighthouse(`${server.url}/dashboard${path}`, {
          port, output: "json", logLevel: "error", disableStorageReset: true, onlyCategories: ["performance", "accessibility", "best-practices"],
          formFactor: "desktop", screenEmulation: { mobile: false, width: 1280, height: 800, deviceScaleFactor: 1, disabled: false },
          throttling: { rttMs: 40, throughputKbps: 10_240, cpuSlowdownMultiplier: 1, requestLatencyMs: 0, downloadThroughputKbps: 0, uploadThroughputKbps: 0 },
        });
        const wrong = Object.values(result!.lhr.categories).filter((c) => (c.score ?? 0) < 0.95)
          .map((c) => `${c.id} ${c.score}: ${c.auditRefs.map((r) => result!.lhr.audits[r.id]!).filter((a) => a.score !== null && a.score < 0.9).map((a) => a.title).join("; ")}`);
        expect.soft(wrong, path).toEqual([]);
      });
    }
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
});
