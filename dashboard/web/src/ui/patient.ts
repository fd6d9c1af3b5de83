const tried = "symphony.reloaded";

/** How long a page that was loaded anew for this reason is not loaded anew once more, in milliseconds. */
const onceIn = 60_000;

/**
 * A part of the page, as `import` brings it. Where that fails, the server is away, or is a newer one that has other files: the
 * page is loaded anew when the server answers. Should that not help, the part fails for good.
 */
export function patient<T>(load: () => Promise<T>): () => Promise<T> {
  return () => load().catch(async (cause: unknown) => {
    const last = Number(sessionStorage.getItem(tried) ?? 0);
    if (Date.now() - last < onceIn) throw cause;
    while (!(await answers())) await new Promise((again) => setTimeout(again, 1000));
    sessionStorage.setItem(tried, String(Date.now()));
    location.reload();
    return new Promise<never>(() => undefined); // nothing is shown in its place meanwhile
  });
}

function answers(): Promise<boolean> {
  return fetch(document.baseURI, { cache: "no-store" }).then((r) => r.ok, () => false);
}
