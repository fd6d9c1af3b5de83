import type { Shape } from "../../api/client";

type Told = Pick<Shape<"WholeMessage">,
  "status" | "createdAt" | "scheduledAt" | "availableAt" | "startedAt" | "finishedAt" | "attempt" | "worker" | "attempts" | "error" | "errorClass" | "log" | "waiting">;

/** A stretch of a message's life. Times are in milliseconds. open: it goes on. */
export type Stretch = { from: number; to: number; open?: boolean } & (
  | { kind: "waiting" | "scheduled" | "retry" }
  | { kind: "attempt"; attempt: number; outcome: "failed" | "completed" | "cancelled" | "processing"; worker?: string; error?: string; errorClass?: string; log?: string[] }
);

/** A time in milliseconds, or nothing where there is none: the year 1 stands for that. */
function time(at: string | undefined): number | undefined {
  const t = at === undefined ? Number.NaN : Date.parse(at);
  return Number.isNaN(t) || t <= 0 ? undefined : t;
}

/** The story of a message as stretches, one after the other, until now or its end. */
export function stretches(m: Told, now: number): Stretch[] {
  const list: Stretch[] = [];
  let at = time(m.createdAt) ?? now;
  let due: { at: number; kind: "scheduled" | "retry" } | undefined;
  const scheduled = time(m.scheduledAt);
  if (scheduled !== undefined && scheduled > at) due = { at: scheduled, kind: "scheduled" };
  /** It waits for its time, then for a worker. */
  const wait = (until: number, open?: boolean) => {
    if (due && due.at > at) {
      const to = Math.min(due.at, until);
      if (to > at) list.push({ kind: due.kind, from: at, to, open: open && to < due.at ? true : undefined });
      at = Math.max(at, to);
    }
    if (until > at) list.push({ kind: "waiting", from: at, to: until, open });
    at = Math.max(at, until);
  };
  const tried = (s: Omit<Extract<Stretch, { kind: "attempt" }>, "kind" | "from" | "to">, from: number, to: number) => {
    wait(from);
    list.push({ kind: "attempt", from, to: Math.max(from, to), ...s });
    at = Math.max(at, to);
  };
  for (const a of m.attempts) {
    const end = time(a.finishedAt) ?? at;
    tried({ attempt: a.attempt, outcome: "failed", worker: a.worker || undefined, error: a.error, errorClass: a.errorClass, log: a.log }, time(a.startedAt) ?? end, end);
    const retry = time(a.retryAt);
    due = retry === undefined ? undefined : { at: retry, kind: "retry" };
  }
  const started = time(m.startedAt);
  const end = time(m.finishedAt) ?? now;
  switch (m.status) {
    case "processing":
      tried({ attempt: m.attempt, outcome: "processing", worker: m.worker, open: true, log: m.log }, started ?? at, Math.max(now, started ?? at));
      break;
    case "completed":
      tried({ attempt: m.attempt, outcome: "completed", worker: m.worker, log: m.log }, started ?? end, end);
      break;
    case "cancelled":
      if (started !== undefined) tried({ attempt: m.attempt, outcome: "cancelled", worker: m.worker, log: m.log }, started, end);
      else wait(end);
      break;
    case "failed":
      if (m.attempts.length === 0) wait(end); // it has expired, or nobody could begin it
      break;
    default: {
      const next = time(m.availableAt);
      // What was edited, or run at once, is due at another time than it was dispatched for.
      if (next !== undefined && due) due = { ...due, at: next };
      else if (next !== undefined && next > now) due = { at: next, kind: m.attempts.length > 0 ? "retry" : "scheduled" };
      wait(now, true);
    }
  }
  return list;
}

/**
 * How wide stretches are drawn, as shares that together are 1: by the logarithm of how long they take, so that an
 * attempt of 2 ms in a story of three days is still seen, and what takes longer is always wider.
 */
export function widths(list: Stretch[]): number[] {
  const raw = list.map((s) => 1 + Math.log2(1 + Math.max(0, s.to - s.from)));
  const sum = raw.reduce((a, b) => a + b, 0) || 1;
  return raw.map((w) => w / sum);
}
