// Records what the pages of docs/images show, from a server with a shop's work of two minutes: npm run pictures. That
// also makes the pictures, by pictures.spec.ts, from the recording.
import { writeFile } from "node:fs/promises";
import { expect, test } from "@playwright/test";
import { pages } from "./pages.ts";
import { record, recordingFile, type Recording } from "./recording.ts";
import { fill, sceneConfiguration, work } from "./scene.ts";
import { Server } from "./server.ts";

test.use({ timezoneId: "Europe/Berlin", locale: "en-GB" });

const minutes = Number(process.env.MINUTES ?? 2);

test("the answers that pictures are made of", async ({ page }) => {
  test.setTimeout((minutes + 10) * 60_000);
  const server = await Server.start(sceneConfiguration, true);
  try {
    await work(server, minutes * 60_000);
    const more = await fill(server);
    const { version } = await server.call("GET", "/api/symphony/session");
    await page.context().request.post(server.url + "/api/symphony/session", { headers: { Authorization: `Bearer ${server.key}` } });
    const named = Object.fromEntries(pages.map((p) => [p === "/" ? "overview" : p.slice(1), p === "/" ? "/?span=15m" : p]));
    // A moment after the last answer, so that nothing lies in its future.
    const { workers, ...others } = named; // whose heartbeats are to be fresh at that moment
    const recording: Recording = { now: new Date(Date.now() + 120_000).toISOString(), pages: { ...others, ...more, workers: workers!, login: "/login" }, answers: {} };
    await record(page, recording, { [server.receiver.url]: "https://shop.example.com", [version]: "1.0.0", [server.url]: "https://symphony.example.com" });
    for (const path of Object.values(recording.pages)) {
      if (path === workers) await page.waitForTimeout(Math.max(0, Date.parse(recording.now) - 10_000 - Date.now()));
      if (path === "/login") await page.context().clearCookies(); // last: nobody is signed in after that
      await page.goto(`${server.url}/dashboard${path}`);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.getByText("Loading…")).toHaveCount(0);
      await page.waitForTimeout(1500); // what is asked for in a second row is asked by then
      expect(Date.now(), "past the moment of the pictures: leave more time until then").toBeLessThan(Date.parse(recording.now));
    }
    await writeFile(recordingFile, JSON.stringify(recording, null, 1) + "\n");
  } finally {
    await server.stop();
  }
});
