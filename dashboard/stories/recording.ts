// What a server has answered once, so that a page can be shown again as it was then: the same data, the same ids, the same
// moment. Pictures of the pages are made, and compared, from such a recording.
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Page, Route } from "@playwright/test";

/** The moment at which it was made, the paths of the pages, and the bodies by what was asked for. */
export type Recording = { now: string; pages: Record<string, string>; answers: Record<string, string> };

export const recordingFile = join(import.meta.dirname, "pictures/answers.json");

/** Where the pages of a recording are: no server has this name. */
export const origin = "https://symphony.example.com";

const asked = (route: Route) => {
  const url = new URL(route.request().url());
  return `${route.request().method()} ${url.pathname}${url.search}`;
};

/** Has a page put what it is answered into a recording, without what is of this machine. */
export async function record(page: Page, into: Recording, names: Record<string, string>) {
  await page.clock.setFixedTime(into.now);
  await page.route("**/api/symphony/**", async (route) => {
    if (route.request().headers()["accept"]?.includes("text/event-stream")) return route.continue();
    const answer = await route.fetch();
    let body = await answer.text();
    for (const [from, to] of Object.entries({ ...names, [hostname() + ":"]: "web-1:" })) body = body.replaceAll(from, to);
    // The first answer counts: what a page asks again and again it has shown by then.
    if (answer.ok()) into.answers[asked(route)] ??= body;
    // Without its time, as a page that is shown the recording is told none: it asks for the same by the same clock.
    await route.fulfill({ status: answer.status(), contentType: answer.headers()["content-type"], body: into.answers[asked(route)] ?? body });
  });
}

/** Shows a page what was recorded, at the moment at which it was. The page itself comes from server. */
export async function replay(page: Page, recording: Recording, server: string) {
  await page.clock.setFixedTime(recording.now);
  // Letters are as wide on every machine: the system's fonts are not the same anywhere.
  const font = async (name: string, file: string) => ({ name, data: (await readFile(join(import.meta.dirname, "node_modules", file))).toString("base64") });
  await page.addInitScript((fonts) => {
    for (const f of fonts) {
      const face = new FontFace(f.name, Uint8Array.from(atob(f.data), (c) => c.charCodeAt(0)).buffer, { weight: "100 900" });
      document.fonts.add(face);
      void face.load();
    }
    const style = new CSSStyleSheet();
    style.replaceSync(`html, body { font-family: Inter !important } .font-mono, code, pre, .cm-scroller { font-family: "JetBrains Mono" !important; font-variant-ligatures: none }`);
    document.addEventListener("DOMContentLoaded", () => (document.adoptedStyleSheets = [...document.adoptedStyleSheets, style]));
    // Nothing happens in a recording, and the stream that would tell so stands.
    class Still extends EventTarget {
      onopen?: () => void;
      onerror?: () => void;
      constructor() {
        super();
        setTimeout(() => {
          this.onopen?.();
          this.dispatchEvent(new MessageEvent("connected", { data: '{"type":"connected","at":"","data":{}}' }));
        });
      }
      close() {}
    }
    window.EventSource = Still as unknown as typeof EventSource;
  }, [
    await font("Inter", "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"),
    await font("JetBrains Mono", "@fontsource/jetbrains-mono/files/jetbrains-mono-latin-400-normal.woff2"),
  ]);
  await page.route(origin + "/**", async (route) => {
    const body = recording.answers[asked(route)];
    if (body !== undefined) return route.fulfill({ status: 200, contentType: "application/json", body });
    // What was not asked when it was recorded, such as a later look for news, is never answered.
    if (asked(route).startsWith("GET /api/")) return;
    const url = new URL(route.request().url());
    const response = await route.fetch({ url: server + url.pathname + url.search });
    if (!url.pathname.endsWith("/openapi.json")) return route.fulfill({ response });
    const document = await response.json();
    document.info.version = "1.0.0";
    // Its time is not that of the recording, by which the page would go.
    await route.fulfill({ status: 200, json: document });
  });
}
