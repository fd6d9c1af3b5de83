import { expect, test, unique } from "./fixtures.ts";
import { pages } from "./pages.ts";

// What the buttons of changes are called, on every page.
const changes = /^(Pause|Resume|Drain|Purge|Retry|Delete|Cancel|Edit|Stop|Start|Run now|Skip|Disable|Enable|Revoke|Create|New schedule|Set a limit|Send a test|Ignore|Resolve|Correct)\b/;

test("on a dashboard that only reads nobody is offered a change", async ({ page, own, open }) => {
  test.setTimeout(600_000);
  const server = await own("", { SYMPHONY_DASHBOARD_READ_ONLY: "true", SYMPHONY_DASHBOARD_ENVIRONMENT_NAME: "Production" });
  const id = await server.dispatch("broken.import", { customer: 7 });
  await server.until(id, "failed");
  await server.call("POST", "/api/symphony/pause", { queue: "held", reason: "a key may" });
  const group = (await server.call("GET", "/api/symphony/failed/groups")).groups[0].group;
  await open("/");
  await expect(page.getByText("Read-only", { exact: true })).toBeVisible();
  await expect(page.getByTitle("Production")).toBeVisible();
  await expect(page.getByRole("navigation").getByRole("link", { name: "Send" })).toHaveCount(0);
  for (const path of [...pages.filter((p) => p !== "/send"), `/messages/${id}?transport=default`, `/failed/group?transport=default&group=${group}`, "/queue?transport=default&queue=held", "/type?type=broken.import"]) {
    await test.step(path, async () => {
      await open(path);
      await expect(page.getByText("Loading…")).toHaveCount(0);
      await expect(page.getByRole("main").getByRole("button", { name: changes })).toHaveCount(0);
    });
  }
  // The server refuses as well, whatever the page shows.
  const refused = await page.request.post(server.url + "/api/symphony/resume", { data: { queue: "held" }, headers: { Origin: server.url } });
  expect(refused.status()).toBe(403);
});

test("who may only read sees every page and changes nothing, who may only watch sees no content", async ({ page, open, server, signIn }) => {
  test.setTimeout(600_000);
  const type = `broken.${unique("seen")}`;
  const id = await server.dispatch(type, { customer: "Ada" });
  await server.until(id, "failed");
  const group = (await server.call("GET", `/api/symphony/failed/groups?type=${type}`)).groups[0].group;
  const open_ = ["/", "/messages", "/failed", "/queues", "/types", "/schedules", "/workers", "/operations", "/alerts", "/api",
    `/messages/${id}?transport=default`, `/failed/group?transport=default&group=${group}`, "/queue?transport=default&queue=default", `/type?type=${type}`];
  for (const scope of ["read", "observe"]) {
    await signIn(await server.newKey(unique(scope), [scope]));
    for (const path of open_) {
      await test.step(`${scope} ${path}`, async () => {
        await open(path);
        await expect(page.getByText("Loading…")).toHaveCount(0);
        await expect(page.getByRole("main").getByRole("button", { name: changes })).toHaveCount(0);
        await expect(page.getByRole("main").getByRole("alert")).toHaveCount(0);
        if (path.startsWith("/messages/")) {
          await expect(page.getByText("no such customer").first()).toBeVisible({ visible: scope === "read" });
          await expect(page.getByRole("main").getByText(scope === "read" ? "Ada" : "Masked").first()).toBeVisible();
        }
      });
    }
    await expect(page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: /Audit|API keys|Settings|Send/ })).toHaveCount(0);
  }
});

test("a page that the caller may not see names the scope", async ({ page, open, server, signIn, accessible }) => {
  // Neither page asks for what it may not: that would be told on the console.
  const closed = async (path: string, scope: string) => {
    await open(path);
    await expect(page.getByRole("main").getByText(new RegExp(`takes the scope ${scope}`))).toBeVisible();
    await expect(page.getByRole("main").getByRole("alert").or(page.getByRole("main").getByRole("button"))).toHaveCount(0);
  };
  await signIn(await server.newKey(unique("reader"), ["read"]));
  for (const [path, scope] of [["/settings", "admin"], ["/keys", "admin"], ["/audit", "admin"], ["/send", "dispatch"]]) await closed(path!, scope!);
  await signIn(await server.newKey(unique("dispatcher"), ["dispatch"]));
  for (const path of pages.filter((p) => !["/send", "/settings", "/keys", "/audit"].includes(p))) await closed(path, "observe");
  await accessible();
  await expect(page.getByText("Polling")).toHaveCount(0); // nothing follows the server
  await page.keyboard.press("ControlOrMeta+k");
  await expect(page.getByRole("option")).toHaveText(["Send"]);
  await page.keyboard.press("Enter");
  await page.getByLabel("Type", { exact: true }).fill("mail.blind");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.locator("ol[aria-live]")).toContainText("mail.blind");
});
