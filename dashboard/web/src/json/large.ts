import { isObject, parseJson, type Json } from "../api/json";
import type { Asked, Opened } from "./large.worker";
import type { Entry } from "./outline";

type Question = Asked extends infer A ? (A extends Asked ? Omit<A, "id"> : never) : never;

let worker: Worker | undefined;
let next = 1;
const waiting = new Map<number, { resolve: (v: never) => void; reject: (e: Error) => void }>();

/** Asks the worker, which is started when it is first needed. */
function ask<T>(question: Question): Promise<T> {
  if (!worker) {
    worker = new Worker(new URL("./large.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (e: MessageEvent<{ id: number; value?: unknown; error?: string }>) => {
      const w = waiting.get(e.data.id);
      waiting.delete(e.data.id);
      if (e.data.error === undefined) w?.resolve(e.data.value as never);
      else w?.reject(new Error(e.data.error));
    };
    worker.onerror = (e) => {
      for (const w of waiting.values()) w.reject(new Error(e.message));
      waiting.clear();
      worker = undefined;
    };
  }
  return new Promise((resolve, reject) => {
    const id = next++;
    waiting.set(id, { resolve, reject });
    worker!.postMessage({ ...question, id });
  });
}

/** A large value of JSON, which stays in the worker: the page has of it what is looked at. */
export class LargeJson {
  constructor(
    private readonly part: number,
    /** Characters of the value as text. */
    readonly length: number,
    readonly entry: Entry,
  ) {}

  /** The members of the value at a place, which is told by the positions of members from the outermost on. */
  entries(place: number[], from: number, to: number): Promise<Entry[]> {
    return ask({ do: "entries", part: this.part, place, from, to });
  }

  /** The JSON of the value at a place. */
  leaf(place: number[]): Promise<string> {
    return ask({ do: "leaf", part: this.part, place });
  }

  /** A stretch of the value as text, with every digit. */
  text(from = 0, to?: number): Promise<string> {
    return ask({ do: "text", part: this.part, from, to });
  }
}

/** A value of JSON, or a large one that is in the worker. */
export type Part = Json | LargeJson;

// What is shorter is parsed at once: handing it over would take longer.
const large = 256 * 1024;
const largestPart = 64 * 1024;

/** Reads JSON without holding the page up. Of the parts at places, those that are large are LargeJson. */
export async function openJson(text: string, places: string[][]): Promise<Json> {
  if (text.length <= large) return parseJson(text);
  const opened = await ask<Opened>({ do: "open", text, places, largest: largestPart });
  const value = parseJson(opened.rest);
  for (const p of opened.parts) {
    let holder: Json = value;
    for (const name of p.path.slice(0, -1)) holder = isObject(holder) ? holder[name]! : null;
    (holder as { [name: string]: unknown })[p.path[p.path.length - 1]!] = new LargeJson(p.part, p.length, p.entry);
  }
  return value;
}
