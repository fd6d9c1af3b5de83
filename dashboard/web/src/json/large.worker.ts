import { parseJson, writeJson, type Json } from "../api/json";
import { at, entries, entry, without, type Entry } from "./outline";

/** What the page asks of the worker, and what is answered. */
export type Asked =
  | { id: number; do: "open"; text: string; places: string[][]; largest: number }
  | { id: number; do: "entries"; part: number; place: number[]; from: number; to: number }
  | { id: number; do: "leaf"; part: number; place: number[] }
  | { id: number; do: "text"; part: number; from: number; to?: number };
export type Opened = { rest: string; parts: { path: string[]; part: number; length: number; entry: Entry }[] };

// The parts of the documents that were opened last. Older ones are let go: the page opens them again.
const parts = new Map<number, { value: Json; text: string }>();
const kept = 12;
let next = 1;

function answer(asked: Asked): Opened | Entry[] | string {
  if (asked.do === "open") {
    const { rest, large } = without(parseJson(asked.text), asked.places, asked.largest);
    const opened: Opened = { rest: writeJson(rest), parts: [] };
    for (const l of large) {
      parts.set(next, { value: l.value, text: l.text });
      opened.parts.push({ path: l.path, part: next++, length: l.text.length, entry: entry(l.value) });
    }
    for (const old of parts.keys()) {
      if (parts.size <= kept) break;
      parts.delete(old);
    }
    return opened;
  }
  const part = parts.get(asked.part);
  if (!part) throw new Error("gone");
  switch (asked.do) {
    case "entries": return entries(at(part.value, asked.place), asked.from, asked.to);
    case "leaf": return writeJson(at(part.value, asked.place));
    case "text": return part.text.slice(asked.from, asked.to);
  }
}

self.onmessage = (e: MessageEvent<Asked>) => {
  try {
    self.postMessage({ id: e.data.id, value: answer(e.data) });
  } catch (error) {
    self.postMessage({ id: e.data.id, error: error instanceof Error ? error.message : String(error) });
  }
};
