import { expect, phone, test, unique } from "./fixtures.ts";

test("an empty system teaches the first dispatch and shows it arrive", { tag: "@core" }, async ({ page, own, open }) => {
  const empty = await own();
  await open("/");
  await expect(page.getByRole("heading", { name: "Dispatch the first message" })).toBeVisible();
  await expect(page.getByText(`${empty.url}/api/symphony/dispatch`)).toBeVisible();
  await page.getByRole("button", { name: "Go", exact: true }).click();
  await expect(page.getByText("client.New(")).toBeVisible();
  await page.getByRole("button", { name: "TypeScript" }).click();
  await expect(page.getByText("await fetch(")).toBeVisible();
  await expect(page.getByText("Waiting for the first message…")).toBeVisible();
  await empty.dispatch("mail.hello");
  await expect(page.getByText("The first message has arrived")).toBeVisible();
  await expect(page.getByRole("link", { name: "mail.hello" })).toBeVisible();
  await expect(page.getByText("Completed")).toBeVisible();
  await page.getByRole("button", { name: "To the overview" }).click();
  await expect(page.getByRole("heading", { name: "Needs attention" })).toBeVisible();
  await expect(page.getByText("Work flows.")).toBeVisible();
});

test("the overview says what is wrong and leads to where it is mended", { tag: "@core" }, async ({ page, open, server }) => {
  const [queue, type] = [unique("held"), unique("broken")];
  await server.call("POST", "/api/symphony/pause", { queue, reason: "the printer burns" });
  const failing = await Promise.all(Array.from({ length: 6 }, () => server.dispatch(`broken.${type}`)));
  await Promise.all(failing.map((id) => server.until(id, "failed")));
  await open("/");
  await expect(page.getByRole("region", { name: "Health" })).toContainText(/somebody should look.*needs? attention|does not flow/);
  await expect(page.getByRole("region", { name: "Figures" })).toContainText("Waiting time p95");
  const attention = page.getByRole("list").filter({ hasText: `Queue ${queue} is paused` });
  await expect(attention.getByRole("link", { name: new RegExp(`Queue ${queue} is paused.*the printer burns`) })).toBeVisible();
  await attention.getByRole("link", { name: new RegExp(`Type broken.${type} fails`) }).click();
  await expect(page).toHaveURL(new RegExp(`/failed\\?type=broken\\.${type}`));
  await page.goBack();
  await page.getByRole("link", { name: new RegExp(`Queue ${queue} is paused`) }).click();
  await expect(page.getByRole("heading", { level: 1, name: new RegExp(queue) })).toBeVisible();
});

test("a stretch of the chart leads to its messages", async ({ page, open, server }) => {
  await server.until(await server.dispatch("mail.drawn", {}, { queue: unique("drawn") }), "completed");
  await open("/");
  await expect(page.locator(".u-over")).toBeVisible();
  await page.getByRole("group", { name: "Figure" }).getByRole("button", { name: "Run time" }).click();
  for (const by of ["Queue", "Type", "Worker", "Status"]) await page.getByRole("group", { name: "By", exact: true }).getByRole("button", { name: by }).click();
  await page.getByRole("group", { name: "By", exact: true }).getByRole("button", { name: "Type" }).click();
  await page.getByRole("group", { name: "Percentile" }).getByRole("button", { name: "p99" }).click();
  await page.getByRole("group", { name: "Period" }).getByRole("button", { name: "15 min" }).click();
  await expect(page).toHaveURL(/measure=run.*by=type.*percentile=p99.*span=15m/);
  await expect(page.getByRole("figure", { name: "Run time by type, last 15 min" })).toBeVisible();
  await page.reload();
  const plot = page.locator(".u-over");
  await expect(plot).toBeVisible();
  await plot.scrollIntoViewIfNeeded();
  const box = (await plot.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/\/messages\?since=20.*&until=20/);
});

test("an address that asks for what there is not says so", async ({ page, open, server }) => {
  await server.dispatch("mail.any"); // an empty system has no chart
  await open("/?span=2h");
  await expect(page.getByText("The address asks for span 2h")).toBeVisible();
});

test("no time at the end of a chart is cut off", async ({ page, open, server }) => {
  await server.dispatch("mail.any");
  // How far the written words of a chart reach beyond its right edge, in pixels.
  await page.addInitScript(() => {
    const write = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (words, x, y) {
      const width = this.measureText(words).width;
      const right = x + (this.textAlign === "center" ? width / 2 : this.textAlign === "right" ? 0 : width);
      this.canvas.dataset.beyond = String(Math.max(Number(this.canvas.dataset.beyond ?? -Infinity), right - this.canvas.width));
      write.call(this, words, x, y);
    };
  });
  for (const size of [{ width: 1280, height: 800 }, { width: 700, height: 800 }, phone]) {
    await page.setViewportSize(size);
    for (const span of ["15m", "1h", "6h", "24h", "7d"]) {
      await open(`/?span=${span}`);
      await expect(page.locator(".chart canvas")).toHaveAttribute("data-beyond", /^-/);
    }
  }
});
