import AxeBuilder from "@axe-core/playwright";
import { expect, test as base, type Page } from "@playwright/test";
import { Server } from "./server.ts";

type Theme = "light" | "dark";

type Fixtures = {
  /** The server that the page is on: one for all stories of a process, unless a story starts its own. */
  at: { server: Server; expected: RegExp[]; origins: string[] };
  /** A page that is signed in as the server's administrator, and fails its story for what must never happen. */
  page: Page;
  /** Opens a path of the dashboard, such as /messages?type=mail.*, and waits for its heading. */
  open: (path: string) => Promise<void>;
  /** Signs in with a key; the page has that session from then on. */
  signIn: (key: string) => Promise<void>;
  /** Looks for what axe finds wrong on the page as it is now. */
  accessible: () => Promise<void>;
  /**
   * Starts a server for this story alone, with more in its configuration and its environment and a database of its own, on
   * SQLite. The page is signed in there, and open and signIn are about it from then on.
   */
  own: (more?: string, variables?: NodeJS.ProcessEnv) => Promise<Server>;
  /** What is known to be told on the console in this story, such as failed requests to a server that is down. */
  expectErrors: (pattern: RegExp) => void;
};

/** Names the messages of one story, so that stories which share a server do not meet. */
let n = 0;
export function unique(name: string): string {
  return `${name}-${process.pid}-${++n}`;
}

export const test = base.extend<Fixtures, { server: Server }>({
  server: [async ({}, use) => {
    const server = await Server.start();
    await use(server);
    await server.stop();
  }, { scope: "worker" }],

  at: async ({ server }, use) => use({ server, expected: [], origins: [server.url] }),

  expectErrors: async ({ at }, use) => use((pattern) => void at.expected.push(pattern)),

  page: async ({ page, at }, use) => {
    const wrong: string[] = [];
    const ours = (url: string) => url.startsWith("about:") || at.origins.some((o) => url.startsWith(o + "/") || url.startsWith(`blob:${o}/`));
    page.on("console", (m) => m.type() === "error" && wrong.push(`console: ${m.text()} (${m.location().url})`));
    page.on("pageerror", (e) => wrong.push(`error: ${e.stack ?? e.message}`));
    page.on("request", (r) => !ours(r.url()) && wrong.push(`request off the origin: ${r.url()}`));
    // Reports of the Content-Security-Policy come as console errors; this also sees those that are caught, and says where.
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => {
      const [at] = e.composedPath();
      console.error("CSP", e.violatedDirective, e.blockedURI, at instanceof Element ? at.outerHTML.slice(0, 300) : "");
    }));
    await session(page, at.server.url, at.server.key);
    await use(page);
    expect(wrong.filter((w) => !at.expected.some((e) => e.test(w)))).toEqual([]);
  },

  own: async ({ page, at }, use) => {
    const started: Server[] = [];
    await use(async (more, variables) => {
      at.server = await Server.start(more, true, variables);
      started.push(at.server);
      at.origins.push(at.server.url);
      await session(page, at.server.url, at.server.key);
      return at.server;
    });
    await page.goto("about:blank"); // which misses no server
    for (const server of started) await server.stop();
  },

  open: async ({ page, at }, use) => use(async (path) => {
    await page.goto(`${at.server.url}/dashboard${path}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  }),

  signIn: async ({ page, at }, use) => use(async (key) => {
    await page.goto("about:blank"); // what is open would ask for more while nobody is signed in
    await session(page, at.server.url, key);
  }),

  accessible: async ({ page }, use) => use(async () => {
    // The page has no frames: without the mode for these, axe needs no further tab, which takes most of its time.
    const found = await new AxeBuilder({ page }).setLegacyMode().withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
    expect(found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((o) => o.target.join(" ")).join(", ")}`)).toEqual([]);
  }),
});

async function session(page: Page, url: string, key: string) {
  await page.context().clearCookies();
  const made = await page.context().request.post(url + "/api/symphony/session", { headers: { Authorization: `Bearer ${key}` } });
  expect(made.status(), await made.text()).toBe(201);
}

/** Shows the page in a theme. */
export async function theme(page: Page, to: Theme) {
  await page.emulateMedia({ colorScheme: to });
}

/** A phone in portrait. */
export const phone = { width: 390, height: 844 };

export { expect };
