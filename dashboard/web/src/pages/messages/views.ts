import { stringifySearch, parseSearch, type Search } from "../../search";

/** A view that was saved: a name, and what stands behind the ? of its address. */
export type View = { name: string; query: string };

const stored = "symphony.messages.views";

/** The views that were saved in this browser, by name. Of a browser that keeps nothing there are none. */
export function readViews(): View[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(stored) ?? "[]");
    if (!Array.isArray(list)) return [];
    return list.filter((v): v is View => typeof v?.name === "string" && typeof v?.query === "string");
  } catch {
    return [];
  }
}

/** Saves a view, in place of one with its name. Tells whether the browser has kept it. */
export function saveView(name: string, search: Search): boolean {
  return write([...readViews().filter((v) => v.name !== name), { name, query: stringifySearch(search) }].sort((a, b) => a.name.localeCompare(b.name)));
}

export function removeView(name: string): boolean {
  return write(readViews().filter((v) => v.name !== name));
}

function write(list: View[]): boolean {
  try {
    localStorage.setItem(stored, JSON.stringify(list));
    return true;
  } catch {
    return false;
  }
}

/** What a view's address asks for. */
export function searchOfView(v: View): Search {
  return parseSearch(v.query);
}

/** Views that everybody has. */
export const builtinViews = {
  waiting: { status: "pending", sort: "createdAt" },
  hand: { status: "processing", sort: "createdAt" },
  failed: { status: "failed", endedSince: "24h", columns: ["status", "type", "queue", "errorClass", "error", "attempt", "finished"] },
  cancelled: { status: "cancelled", endedSince: "24h" },
} as const satisfies Record<string, Search | object>;
