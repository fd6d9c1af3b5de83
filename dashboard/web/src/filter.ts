import type { Shape } from "./api/client";
import { parseDuration } from "./format/duration";
import { fromInput } from "./format/time";
import { many, type Search } from "./search";
import { text } from "./text";

const t = text.filter;

/** The statuses of a message, in the order of its life. */
export const filterStatuses = ["pending", "processing", "completed", "failed", "cancelled"] as const;

/** The members of a filter that have one value, by the API's names. */
const single = [
  "transport", "queue", "type", "priority", "idempotencyKey", "correlationId", "causationId", "groupKey", "concurrencyKey", "errorClass",
  "failureGroup", "dispatchedBy", "worker", "since", "until", "endedSince", "endedUntil",
] as const;
type Single = (typeof single)[number];

/** What a message can be selected by, in the order in which it is written. `metadata` stands for metadata.a.b. */
export const qualifiers = ["status", "type", "queue", "transport", "tag", "metadata", ...single.filter((n) => n !== "type" && n !== "queue" && n !== "transport")] as const;
export type Qualifier = (typeof qualifiers)[number];

/**
 * Which messages are shown: the API's filter, as people write it. since and its like are times in UTC (RFC 3339), or how
 * long ago, such as 1h; type may be Prefix.*; q is looked for as it is.
 */
export type Filter = { [N in Single]?: string } & {
  status?: (typeof filterStatuses)[number][];
  tag?: string[];
  /** By path, with dots between names. */
  metadata?: Record<string, string>;
  q?: string;
};

/** What is wrong with a part of a text, from one character to another. */
export type FilterProblem = { from: number; to: number; message: string };

export type FilterOptions = {
  /** What cannot be used where the filter stands. */
  without?: readonly Qualifier[];
  /** The zone of times that name none. Default: the viewer's. */
  zone?: string;
};

/** A word of a text, which ends at white space outside of quotes. */
export type FilterWord = {
  from: number; to: number;
  /** What stands before the first colon, where that names anything; as written without quotes. */
  name?: string;
  /** Where the value begins; of a word without a name, the word. */
  valueFrom: number;
  value: string;
  /** A quote was begun, and not closed. */
  open: boolean;
};

const nameLike = /^(?:[A-Za-z][A-Za-z-]*|metadata\..*)$/s;

/** Cuts a text into words, and what stands behind "--", which is taken as it is. */
export function filterWords(input: string): { words: FilterWord[]; textFrom?: number } {
  const words: FilterWord[] = [];
  let at = 0;
  while (at < input.length) {
    if (/\s/.test(input[at]!)) {
      at++;
      continue;
    }
    const from = at;
    let plain = ""; // the word without its quotes
    let name: string | undefined;
    let valueFrom = from;
    let quoted = false;
    let quotes = 0;
    for (; at < input.length && (quoted || !/\s/.test(input[at]!)); at++) {
      const c = input[at]!;
      if (c === '"' && (quoted || plain === "" || name !== undefined || /^metadata\./.test(plain))) {
        quoted = !quoted;
        quotes++;
      } else if (quoted && c === "\\" && (input[at + 1] === '"' || input[at + 1] === "\\")) {
        plain += input[++at]!;
      } else if (c === ":" && !quoted && name === undefined && input[from] !== '"' && nameLike.test(plain)) {
        name = plain;
        plain = "";
        valueFrom = at + 1;
      } else {
        plain += c;
      }
    }
    if (name === undefined && plain === "--" && input[from] !== '"') return { words, textFrom: at };
    // Only a word that is one quoted text is without its quotes: others may be a piece of JSON.
    const raw = name === undefined && !quoted && quotes > 0 && !(quotes === 2 && input[at - 1] === '"');
    words.push({ from, to: at, name, valueFrom, value: raw ? input.slice(from, at) : plain, open: quoted });
  }
  return { words };
}

/** The member that a name means, in any case and with or without dashes; undefined for none. */
export function qualifierOf(name: string): Qualifier | undefined {
  if (/^metadata\../s.test(name)) return "metadata";
  const plain = name.replaceAll("-", "").toLowerCase();
  return qualifiers.find((q) => q !== "metadata" && q.toLowerCase() === plain);
}

/** Reads a text such as `type:mail.* tag:vip since:1h -- free text`. What has a problem is left out of the filter. */
export function parseFilter(input: string, o: FilterOptions = {}): { filter: Filter; problems: FilterProblem[] } {
  const filter: Filter = {};
  const problems: FilterProblem[] = [];
  const free: string[] = [];
  const { words, textFrom } = filterWords(input);
  for (const w of words) {
    const wrong = w.open ? t.openQuote : w.name === undefined ? void free.push(w.value) : take(filter, w.name, w.value, o);
    if (wrong) problems.push({ from: w.from, to: w.to, message: wrong });
  }
  if (textFrom !== undefined) free.push(input.slice(textFrom).trim());
  const q = free.filter((f) => f !== "").join(" ");
  if (q) filter.q = q;
  return { filter, problems };
}

/** Puts a value into a filter; returns what is wrong with it. */
function take(filter: Filter, name: string, value: string, o: FilterOptions): string | undefined {
  const member = qualifierOf(name);
  if (!member) return name.toLowerCase().startsWith("metadata") ? t.metadataPath : t.unknown(name);
  if (o.without?.includes(member)) return t.notHere(member);
  if (value === "") return t.empty(name);
  switch (member) {
    case "metadata": {
      const path = name.slice("metadata.".length);
      if (filter.metadata?.[path] !== undefined) return t.twice(name);
      filter.metadata = { ...filter.metadata, [path]: value };
      return;
    }
    case "status": {
      for (const s of value.split(",")) {
        const known = filterStatuses.find((k) => k === s.trim().toLowerCase());
        if (!known) return t.status(s, filterStatuses.join(", "));
        if (!filter.status?.includes(known)) filter.status = [...(filter.status ?? []), known];
      }
      return;
    }
    case "tag":
      for (const tag of value.split(",")) {
        if (tag === "") return t.empty(name);
        if (!filter.tag?.includes(tag)) filter.tag = [...(filter.tag ?? []), tag];
      }
      return;
  }
  if (filter[member] !== undefined) return t.twice(member);
  if (member === "priority" && !/^([1-9]|10)$/.test(value)) return t.priority(value);
  if (isTime(member)) {
    const time = readTime(value, o.zone);
    if (time === undefined) return t.time(value);
    value = time;
  }
  filter[member] = value;
  return;
}

function isTime(member: string): boolean {
  return /^(since|until|endedSince|endedUntil)$/.test(member);
}

/** A time as filters keep it: "90m" stays, dates and times without a zone are the viewer's. */
function readTime(value: string, zone?: string): string | undefined {
  const ago = value.replace(/\s*ago$/, "");
  if (parseDuration(ago) !== undefined) return ago.replaceAll(" ", "").toLowerCase();
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?(Z|[+-]\d{2}:\d{2})?$/i.exec(value);
  if (!parts) return undefined;
  const [, day, clock = "00:00", offset] = parts;
  if (offset) {
    const at = new Date(`${day}T${clock}${offset.toUpperCase()}`);
    return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
  }
  return fromInput(`${day}T${clock}`, zone);
}

/** Writes a filter so that parseFilter reads it back. */
export function printFilter(filter: Filter): string {
  const parts: string[] = [];
  for (const member of qualifiers) {
    if (member === "status") {
      if (filter.status?.length) parts.push(`status:${filter.status.join(",")}`);
    } else if (member === "tag") {
      for (const tag of filter.tag ?? []) parts.push(`tag:${quote(tag)}`);
    } else if (member === "metadata") {
      for (const [path, value] of Object.entries(filter.metadata ?? {})) parts.push(`metadata.${quote(path, /[\s":]/)}:${quote(value)}`);
    } else if (filter[member] !== undefined) {
      parts.push(`${member}:${quote(filter[member])}`);
    }
  }
  if (filter.q) {
    const plain = [...parts, filter.q].join(" ");
    const read = parseFilter(plain);
    // Behind "--" every character is text; without it only what cannot be taken for anything else.
    if (read.problems.length === 0 && read.filter.q === filter.q && sameFilter(read.filter, filter)) return plain;
    parts.push("--", filter.q);
  }
  return parts.join(" ");
}

/** Puts a value into quotes where it needs them. */
export function quote(value: string, special = /[\s"]/): string {
  return value === "" || special.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value;
}

/** Tells whether two filters select the same. */
export function sameFilter(a: Filter, b: Filter): boolean {
  return searchKey(searchOfFilter(a)) === searchKey(searchOfFilter(b));
}

function searchKey(s: Search): string {
  return JSON.stringify(Object.entries(s).filter(([, v]) => v !== undefined).sort(([x], [y]) => (x < y ? -1 : 1)));
}

/** Tells whether a filter selects everything. */
export function isEmptyFilter(filter: Filter): boolean {
  return searchKey(searchOfFilter(filter)) === "[]";
}

/** Reads the filter of an address, whose parameters are those of the API. Others are not looked at. */
export function filterOfSearch(search: Search, o: FilterOptions = {}): { filter: Filter; problems: string[] } {
  const filter: Filter = {};
  const problems: string[] = [];
  for (const [name, values] of Object.entries(search)) {
    const member = name === "q" ? "q" : qualifiers.find((q) => q === name) ?? (/^metadata\../s.test(name) ? "metadata" : undefined);
    if (!member) continue;
    for (const value of many(values)) {
      if (member === "q") filter.q = value.trim() || undefined;
      else if (value !== "") {
        const wrong = take(filter, name, value, o);
        if (wrong) problems.push(wrong);
      }
    }
  }
  return { filter, problems };
}

/** The parameters of an address that have a filter. Members that it does not have are undefined, to take them away. */
export function searchOfFilter(filter: Filter): Search {
  const out: Search = { status: filter.status, tag: filter.tag, q: filter.q };
  for (const name of single) out[name] = filter[name];
  for (const [path, value] of Object.entries(filter.metadata ?? {})) out[`metadata.${path}`] = value;
  return out;
}

/** An address's parameters with another filter; all others stay. */
export function withFilter(search: Search, filter: Filter): Search {
  const out: Search = {};
  for (const [name, value] of Object.entries(search)) {
    if (name !== "q" && !qualifiers.some((q) => q === name) && !name.startsWith("metadata.")) out[name] = value;
  }
  return { ...out, ...searchOfFilter(filter) };
}

/** The time that a member such as since means. now is in milliseconds. */
export function filterTime(value: string, now: number): string {
  const ago = parseDuration(value);
  return ago === undefined ? value : new Date(now - ago).toISOString();
}

function resolved(filter: Filter, now: number) {
  const { metadata, priority, since, until, endedSince, endedUntil, ...rest } = filter;
  const time = (v: string | undefined) => (v === undefined ? undefined : filterTime(v, now));
  const out = {
    ...rest, priority: priority === undefined ? undefined : Number(priority),
    since: time(since), until: time(until), endedSince: time(endedSince), endedUntil: time(endedUntil),
  };
  // What is absent stays so: in a body an undefined member would be one.
  return { rest: Object.fromEntries(Object.entries(out).filter(([, v]) => v !== undefined)) as Partial<typeof out>, metadata };
}

/** A filter as the parameters of a list. */
export function filterQuery(filter: Filter, now: number) {
  const { rest, metadata } = resolved(filter, now);
  if (!metadata) return rest;
  return { ...rest, metadata: Object.fromEntries(Object.entries(metadata).map(([path, v]) => [`metadata.${path}`, v])) };
}

/** A filter as bodies of work in bulk have it: the transport stands beside it there. */
export function filterBody(filter: Filter, now: number): Shape<"MessageFilter"> {
  const { rest: { transport: _, ...rest }, metadata } = resolved(filter, now);
  return metadata ? { ...rest, metadata } : rest;
}
