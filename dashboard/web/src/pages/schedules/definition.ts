import type { Shape } from "../../api/client";
import { isObject, parseJson, writeJson, type Json } from "../../api/json";
import { duration, parseDuration } from "../../format/duration";
import { sameJson } from "../../format/merge-patch";
import { fromInput, toInput } from "../../format/time";
import { text } from "../../text";

export type Schedule = Shape<"Schedule">;
export type Kind = Schedule["kind"];

const t = text.schedules.form;

/** What stands in the form: texts as they are typed. */
export type Form = {
  name: string; kind: Kind; cron: string; timezone: string; interval: string; at: string; startAt: string; endAt: string; maxRuns: string;
  jitter: string; missed: string; overlap: string; enabled: boolean; type: string; payload: string; metadata: string;
  queue: string; priority: string; tags: string; options: string;
};

/** An empty form, or one of a schedule. zone is that in which times are typed. */
export function formOf(s: Schedule | undefined, zone?: string): Form {
  const { queue, priority, tags, ...rest } = (s?.options ?? {}) as { [name: string]: Json };
  const time = (at?: string) => (at ? toInput(at, zone) : "");
  const json = (v: unknown) => (v === undefined ? "{}" : writeJson(v, 2));
  return {
    name: s?.name ?? "", kind: s?.kind ?? "cron", cron: s?.cron ?? (s ? "" : "0 9 * * *"), timezone: s?.timezone ?? (s ? "" : zone ?? localZone()),
    interval: s?.interval ? exact(s.interval) : "", at: time(s?.at), startAt: time(s?.startAt), endAt: time(s?.endAt),
    maxRuns: s?.maxRuns === undefined ? "" : String(s.maxRuns), jitter: s?.jitter ? exact(s.jitter) : "", missed: s?.missed ?? "last",
    overlap: s?.overlap ?? "allow", enabled: s?.enabled ?? true, type: s?.message?.type ?? "", payload: json(s?.message?.payload),
    metadata: json(s?.message?.metadata), queue: typeof queue === "string" ? queue : "", priority: priority === undefined ? "" : String(priority),
    tags: Array.isArray(tags) ? tags.join(", ") : "", options: json(Object.keys(rest).length ? rest : undefined),
  };
}

/** A duration as it is typed, of which nothing is lost. */
function exact(ms: number): string {
  const said = duration(ms);
  return parseDuration(said) === ms ? said : `${ms} ms`;
}

export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

type Definition = { [name: string]: Json | undefined };
export type Wrong = Partial<Record<keyof Form, string>>;

/**
 * What a form says, as the API takes it; wrong has what cannot be read, by the fields of the form. of is the schedule that
 * is edited: its times stay exact to the millisecond where nobody has typed another one.
 */
export function definitionOf(f: Form, zone?: string, of?: Schedule): { definition: Definition; wrong: Wrong } {
  const wrong: Wrong = {};
  const time = (field: "at" | "startAt" | "endAt") => {
    if (!f[field]) return undefined;
    const had = of?.[field];
    if (had && toInput(had, zone) === f[field]) return had;
    const at = fromInput(f[field], zone);
    if (!at) wrong[field] = t.badTime;
    return at;
  };
  const span = (field: "interval" | "jitter") => {
    if (!f[field].trim()) return undefined;
    const ms = parseDuration(f[field]);
    if (ms === undefined) wrong[field] = t.badDuration;
    return ms;
  };
  const whole = (field: "maxRuns" | "priority") => {
    if (!f[field].trim()) return undefined;
    if (!/^\d{1,9}$/.test(f[field].trim())) wrong[field] = t.badNumber;
    return Number(f[field]);
  };
  const object = (field: "payload" | "metadata" | "options") => {
    if (!f[field].trim()) return undefined;
    try {
      const value = parseJson(f[field]);
      if (isObject(value)) return value;
      wrong[field] = t.noObject;
    } catch (e) {
      wrong[field] = e instanceof Error ? e.message : String(e);
    }
    return undefined;
  };
  if (f.kind === "once" && !f.at) wrong.at = t.needed;
  if (f.kind === "interval" && !f.interval.trim()) wrong.interval = t.needed;
  if (f.kind === "cron" && !f.cron.trim()) wrong.cron = t.needed;
  const metadata = object("metadata");
  const tags = f.tags.split(",").map((s) => s.trim()).filter(Boolean);
  const options: Definition = { ...object("options"), queue: f.queue.trim() || undefined, priority: whole("priority"), tags: tags.length ? tags : undefined };
  const repeats = f.kind !== "once";
  return {
    wrong,
    definition: {
      name: f.name.trim() || undefined, enabled: f.enabled,
      at: f.kind === "once" ? time("at") : undefined,
      cron: f.kind === "cron" ? f.cron.trim() || undefined : undefined,
      timezone: f.kind === "cron" ? f.timezone.trim() || undefined : undefined,
      interval: f.kind === "interval" ? span("interval") : undefined,
      startAt: repeats ? time("startAt") : undefined, endAt: repeats ? time("endAt") : undefined, maxRuns: repeats ? whole("maxRuns") : undefined,
      jitter: span("jitter"), missed: f.missed, overlap: f.overlap,
      message: { type: f.type, payload: object("payload") ?? {}, ...(metadata && Object.keys(metadata).length ? { metadata } : {}) },
      options: dropEmpty(options),
    },
  };
}

function dropEmpty(o: Definition): { [name: string]: Json } {
  return Object.fromEntries(Object.entries(o).filter((e): e is [string, Json] => e[1] !== undefined));
}

/** A definition as the body of POST. */
export function bodyOf(d: Definition): { [name: string]: Json } {
  return dropEmpty(d);
}

/**
 * What makes one definition the other, as the body of PATCH: only what differs, null for what is gone. The message and
 * the options are compared member by member, as the server merges them.
 */
export function changeOf(before: Definition, after: Definition): { [name: string]: Json } {
  const out: { [name: string]: Json } = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[name], after[name]];
    if (was === is || (was !== undefined && is !== undefined && sameJson(was, is))) continue;
    out[name] = (name === "message" || name === "options") && isObject(was) && isObject(is) ? changeOf(was, is) : is ?? null;
  }
  return out;
}

/** The field of the form that a problem of the server is about. */
export function fieldOf(path: string): keyof Form | undefined {
  if (path.startsWith("message.payload")) return "payload";
  if (path.startsWith("message.metadata")) return "metadata";
  if (path.startsWith("message.type")) return "type";
  const option = /^options\.(queue|priority|tags)\b/.exec(path)?.[1];
  if (option) return option as keyof Form;
  if (path.startsWith("options")) return "options";
  const fields: (keyof Form)[] = ["name", "cron", "timezone", "interval", "at", "startAt", "endAt", "maxRuns", "jitter", "missed", "overlap", "enabled"];
  return fields.find((f) => f === path);
}
