import type { Shape } from "./api/client";
import { filterOfSearch, searchOfFilter, type Filter } from "./filter";
import type { Search } from "./search";

type Operation = Shape<"Operation">;

/** The filter that an operation was asked for, undefined where it was asked for by ids. */
export function filterOfOperation(op: Operation): Filter | undefined {
  if (!op.filter) return undefined;
  const { metadata, q, ...rest } = op.filter;
  const search: Search = {};
  for (const [name, v] of Object.entries({ ...rest, transport: op.transport, q })) {
    if (v !== undefined) search[name] = Array.isArray(v) ? v.map(String) : String(v);
  }
  for (const [path, v] of Object.entries(metadata ?? {})) search[`metadata.${path}`] = String(v);
  return filterOfSearch(search).filter;
}

/** Where the messages are shown that an operation selects, and what has become of them. */
export function linksOfOperation(op: Operation): { what: "selects" | "selectsFailed" | "replay" | "cancel" | "retry"; to: "/messages" | "/failed"; search: Search }[] {
  const filter = filterOfOperation(op);
  const links: ReturnType<typeof linksOfOperation> = [];
  if (filter) {
    if (op.kind.startsWith("failed.")) links.push({ what: "selectsFailed", to: "/failed", search: searchOfFilter({ ...filter, status: undefined }) });
    else links.push({ what: "selects", to: "/messages", search: searchOfFilter({ ...filter, status: filter.status ?? [...selected[op.kind as keyof typeof selected]] }) });
  }
  const since = op.createdAt;
  switch (op.kind) {
    case "messages.replay":
      // Each has the operation's id in a header.
      links.push({ what: "replay", to: "/messages", search: searchOfFilter({ transport: op.transport, since, q: op.id }) });
      break;
    case "messages.cancel":
      links.push({ what: "cancel", to: "/messages", search: searchOfFilter({ ...filter, transport: op.transport, status: ["cancelled"], endedSince: since }) });
      break;
    case "failed.retry":
      links.push({ what: "retry", to: "/messages", search: searchOfFilter({ transport: op.transport, type: filter?.type, queue: filter?.queue, since }) });
      break;
  }
  return links;
}

const selected = {
  "messages.replay": ["completed"], "messages.cancel": ["pending", "processing"], "messages.edit": ["pending"], "messages.delete": ["pending"],
} as const;

/** How far an operation was at a time in milliseconds. */
export type Sample = { at: number; done: number };

const longest = 10_000;

/** Adds a sample to those of the last ten seconds. */
export function addSample(samples: readonly Sample[], s: Sample): Sample[] {
  const last = samples.at(-1);
  if (last && s.done < last.done) return [s]; // it was begun anew
  const kept = samples.filter((o) => s.at - o.at <= longest);
  // Where there are none, the one before tells since when nothing happened.
  const before = samples.filter((o) => s.at - o.at > longest).at(-1);
  return [...(kept.length === 0 && before ? [before] : []), ...kept, s];
}

/** Messages a second by the samples; undefined where they are too near to each other to tell. */
export function speedOf(samples: readonly Sample[]): number | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < 900) return undefined;
  return ((last.done - first.done) * 1000) / (last.at - first.at);
}
