import { duration } from "../../format/duration";
import { absolute } from "../../format/time";

/** The values of one field of an expression; undefined where it uses L, W or #, which only the server reads. */
function field(source: string, low: number, high: number, names: readonly string[] = []): Set<number> | undefined {
  const value = (t: string) => {
    const named = names.indexOf(t.toLowerCase());
    return named >= 0 ? named + low : /^\d+$/.test(t) ? Number(t) : NaN;
  };
  const out = new Set<number>();
  for (const part of source.split(",")) {
    const [range = "", stepText] = part.split("/");
    const step = stepText === undefined ? 1 : Number(stepText);
    let from: number, to: number;
    if (range === "*" || range === "?") [from, to] = [low, high];
    else {
      const ends = range.split("-");
      from = value(ends[0] ?? "");
      to = ends.length > 1 ? value(ends[1] ?? "") : stepText === undefined ? from : high;
    }
    if (![from, to, step].every(Number.isInteger) || step < 1 || from < low || from > high || to < low || to > high) return undefined;
    // A range may wrap: FRI-MON, 22-2.
    const size = high - low + 1;
    const length = (((to - from) % size) + size) % size;
    for (let i = 0; i <= length; i += step) out.add(low + ((from - low + i) % size));
  }
  return out;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const described: Record<string, string> = {
  "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
};

/** What an expression says about times of a wall clock. */
export type Clock = {
  /** It has every hour: a rhythm, which goes on when clocks change. */
  rhythm: boolean;
  /** Whether it may match a minute of the wall clock. Days that only the server can read count as matching. */
  matches: (wall: Date) => boolean;
};

/** Reads an expression of five or six fields as far as is needed to tell what becomes of it when clocks change. */
export function readCron(expression: string): Clock | undefined {
  const text = expression.trim();
  const parts = (described[text.toLowerCase()] ?? text).split(/\s+/);
  if (parts.length === 6) parts.shift();
  if (parts.length !== 5) return undefined;
  const [minute = "", hour = "", dom = "", month = "", dow = ""] = parts;
  const minutes = field(minute, 0, 59);
  const hours = field(hour, 0, 23);
  if (!minutes || !hours) return undefined;
  const inMonth = field(month, 1, 12, months);
  const onDay = field(dom, 1, 31);
  const onWeekday = field(dow.replace(/7/g, "0"), 0, 6, days);
  const free = (t: string) => t === "*" || t === "?";
  const matches = (wall: Date) => {
    if (!minutes.has(wall.getUTCMinutes()) || !hours.has(wall.getUTCHours())) return false;
    if (inMonth && !inMonth.has(wall.getUTCMonth() + 1)) return false;
    const byDay = onDay?.has(wall.getUTCDate()) ?? true;
    const byWeekday = onWeekday?.has(wall.getUTCDay()) ?? true;
    return free(dom) ? byWeekday : free(dow) ? byDay : byDay || byWeekday;
  };
  return { rhythm: hours.size === 24, matches };
}

/** A change of a zone's clocks; offsets are in milliseconds. */
export type Change = { at: Date; before: number; after: number };

function offset(at: number, zone: string): number {
  const whole = Math.floor(at / 1000) * 1000;
  return Date.parse(absolute(new Date(whole), zone).replace(" ", "T") + "Z") - whole;
}

/** When the clocks of a zone change in the year after a time. Throws RangeError for a zone that is unknown here. */
export function changes(zone: string, from: Date): Change[] {
  const day = 86_400_000;
  const out: Change[] = [];
  let at = Math.floor(from.getTime() / 60_000) * 60_000;
  let had = offset(at, zone);
  for (const end = at + 366 * day; at < end; at += day) {
    const has = offset(at + day, zone);
    if (has === had) continue;
    let low = at, high = at + day;
    while (high - low > 60_000) {
      const middle = low + Math.floor((high - low) / 120_000) * 60_000;
      if (offset(middle, zone) === had) low = middle;
      else high = middle;
    }
    out.push({ at: new Date(high), before: had, after: has });
    had = has;
  }
  return out;
}

/** What happens to an expression at a change of clocks: times that are skipped or come twice, on the wall clock. */
export type Note = { date: string; kind: "skipped" | "twice"; time: string; instead: string; shift: string };

/** The changes of the next year that touch an expression. A rhythm is touched by none. */
export function clockNotes(expression: string, zone: string, from: Date): Note[] {
  const clock = readCron(expression);
  if (!clock || clock.rhythm) return [];
  const out: Note[] = [];
  const wall = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  for (const c of changes(zone, from)) {
    const [before, after] = [c.at.getTime() + c.before, c.at.getTime() + c.after];
    const [low, high] = before < after ? [before, after] : [after, before];
    for (let t = low; t < high; t += 60_000) {
      if (!clock.matches(new Date(t))) continue;
      out.push({
        date: new Date(t).toISOString().slice(0, 10), kind: before < after ? "skipped" : "twice", time: wall(t),
        instead: wall(after), shift: duration(high - low),
      });
      break;
    }
  }
  return out;
}

/** An expression in words; undefined where the library has none for it. */
export async function cronWords(expression: string): Promise<string | undefined> {
  const { default: cronstrue } = await import("cronstrue");
  try {
    const fields = expression.trim().split(/\s+/).length;
    if (fields > 6) return undefined; // it would take the seventh for a year
    // Where both days are given, either of them is enough.
    return cronstrue.toString(expression, { use24HourTimeFormat: true }).replace(/(, on .*), and /, "$1, or ");
  } catch {
    return undefined;
  }
}
