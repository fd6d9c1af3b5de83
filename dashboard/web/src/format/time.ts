import { duration } from "./duration";

/** In which zone times are shown: the viewer's, the server's, or UTC. */
export type ZoneChoice = "local" | "server" | "utc";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = (zone ?? "") + JSON.stringify(options);
  let f = formats.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat("en-CA", { ...options, hourCycle: "h23", timeZone: zone });
    formats.set(key, f);
  }
  return f;
}

const dateAndTime = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;

function fields(date: Date, zone?: string): Record<string, string> {
  return Object.fromEntries(format(zone, dateAndTime).formatToParts(date).map((p) => [p.type, p.value]));
}

/** 2026-11-29 16:44:40, in a zone such as Europe/Berlin; without one in the viewer's. */
export function absolute(at: string | Date, zone?: string, millis = false): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const f = fields(date, zone);
  const fraction = millis ? "." + String(date.getUTCMilliseconds()).padStart(3, "0") : "";
  return `${f.year}-${f.month}-${f.day} ${f.hour}:${f.minute}:${f.second}${fraction}`;
}

/** 16:44, for axes of charts. */
export function clock(date: Date, zone?: string): string {
  const f = fields(date, zone);
  return `${f.hour}:${f.minute}`;
}

/** The name of a zone at a time: CET, GMT+5:30, UTC. */
export function zoneName(zone?: string, at: Date = new Date()): string {
  const parts = format(zone, { timeZoneName: "short" }).formatToParts(at);
  return parts.find((p) => p.type === "timeZoneName")?.value ?? zone ?? "";
}

/** "now", "12 s ago", "in 3 min". Beyond 30 days it is the date, which says more. */
export function relative(at: string | Date, now: number, zone?: string): string {
  const ms = new Date(at).getTime() - now;
  if (Number.isNaN(ms)) return String(at);
  const far = Math.abs(ms);
  if (far < 1000) return "now";
  if (far > 30 * 86_400_000) return absolute(at, zone).slice(0, 10);
  const coarse = duration(far < 60_000 ? Math.floor(far / 1000) * 1000 : far < 3_600_000 ? Math.floor(far / 60_000) * 60_000 : far);
  const text = far >= 60_000 && far < 3_600_000 ? coarse : coarse.split(" ").slice(0, far < 86_400_000 * 2 ? 4 : 2).join(" ");
  return ms > 0 ? `in ${text}` : `${text} ago`;
}

/** As relative, of a time that has been: one that was written by a clock ahead of now is "now", and never "in 2 s". */
export function ago(at: string | Date, now: number, zone?: string): string {
  return relative(at, Math.max(now, new Date(at).getTime()), zone);
}

/** What an input of type datetime-local shows for a time, in a zone. */
export function toInput(at: string | Date, zone?: string): string {
  return absolute(at, zone).replace(" ", "T").slice(0, 16);
}

/**
 * The time that an input of type datetime-local says in a zone, as RFC 3339 in UTC; undefined where it says none.
 * Of a time that clocks show twice it is the earlier one; one that they skip goes on by as much as they do.
 */
export function fromInput(value: string, zone?: string): string | undefined {
  if (!zone) {
    const local = new Date(value);
    return Number.isNaN(local.getTime()) ? undefined : local.toISOString();
  }
  const wanted = Date.parse(value + "Z");
  if (Number.isNaN(wanted)) return undefined;
  const offset = (t: number) => Date.parse(absolute(new Date(t), zone).replace(" ", "T") + "Z") - Math.floor(t / 1000) * 1000;
  // Clocks have the offset of the day before, or, where they change on that day, that of the day after.
  const [before, after] = [offset(wanted - 86_400_000), offset(wanted + 86_400_000)];
  const shown = [before, after].filter((o) => offset(wanted - o) === o).map((o) => wanted - o);
  const at = shown.length > 0 ? Math.min(...shown) : wanted - before;
  return new Date(at).toISOString();
}
