import { readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { expect, phone, test } from "./fixtures.ts";
import { origin, recordingFile, replay, type Recording } from "./recording.ts";

const desktop = { width: 1280, height: 960 };
const modes = [["", "light", desktop], ["-dark", "dark", desktop], ["-phone", "light", phone]] as const;

test.use({ timezoneId: "Europe/Berlin", locale: "en-GB" });

// Letters and lines are drawn a little differently by each release of a browser; a badge that comes or moves is more than that.
const alike = { threshold: 0.25, maxDiffPixels: 300 };

test("every page looks as in its picture", async ({ page, at, server }) => {
  test.setTimeout(20 * 60_000);
  const recording = JSON.parse(await readFile(recordingFile, "utf8")) as Recording;
  at.origins.push(origin);
  await replay(page, recording, server.url);
  for (const [mode, colorScheme, size] of modes) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [name, path] of Object.entries(recording.pages)) {
      await test.step(name + mode, async () => {
        await page.goto(`${origin}/dashboard${path}`);
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
        await expect(page.getByText("Loading…")).toHaveCount(0);
        if (/^(overview|queue|type)$/.test(name)) await expect(page.locator(".chart canvas").first()).toBeVisible(); // loaded later
        await page.evaluate(() => document.fonts.ready);
        await expect.soft(page).toHaveScreenshot(`${name}${mode}.png`, alike);
        if (test.info().config.updateSnapshots === "all") await shrink(test.info().snapshotPath(`${name}${mode}.png`, { kind: "screenshot" }));
      });
    }
  }
});

/** Writes a picture that has just been made anew with a palette: a third of the bytes. */
async function shrink(file: string) {
  const picture = sharp(await readFile(file));
  if ((await picture.metadata()).isPalette) return; // it is as it was
  await writeFile(file, await picture.png({ palette: true, effort: 10 }).toBuffer());
}
