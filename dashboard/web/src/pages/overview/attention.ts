import type { Shape } from "../../api/client";
import type { QueueRow } from "../../api/names";
import { duration } from "../../format/duration";
import type { Search } from "../../search";
import { text } from "../../text";
import { unasked } from "../queues/workers";
import { held, type PlacedHold } from "../steering/held";

const t = text.overview.attention;

/** Something that needs attention, and where it is mended. at is a time that belongs to why. */
export type Finding = {
  key: string; tone: "danger" | "warn"; title: string; why: string; at?: string; atWord?: string; ahead?: boolean;
  to: string; search?: Search;
};

export type Sources = {
  now: number;
  queues?: QueueRow[];
  holds?: PlacedHold[];
  types?: Record<string, Shape<"Figures">>;
  nodes?: Shape<"Node">[];
  alerts?: Shape<"AlertsResponse">;
  groups?: Shape<"FailureGroup">[];
  checks?: Shape<"HealthCheck">[];
};

// From when on something is worth a word. A queue grows where a tenth more came than ended, and something waits.
const growsBy = 0.1;
const growsFrom = 10;
const waitsFor = 60_000;
const failsFrom = 5;
const failsShare = 0.25;

/** What needs attention, the worst first. */
export function findings(s: Sources): Finding[] {
  const list: Finding[] = [];
  for (const a of s.alerts?.enabled ? s.alerts.alerts : []) {
    if (a.firing) list.push({ key: `alert ${a.rule} ${a.transport}`, tone: "danger", title: t.alert(a.rule), why: a.text, at: a.since, atWord: t.began, to: "/alerts" });
  }
  for (const q of s.queues ?? []) list.push(...ofQueue(q, s.now));
  for (const n of s.nodes ?? []) {
    for (const b of n.breakers ?? []) {
      const type = b.handler.split(" ")[0]!; // a handler's name stands behind its pattern
      list.push({ key: `breaker ${n.id} ${b.handler}`, tone: "danger", title: t.breaker(b.handler), why: t.breakerWhy(b.failures, n.name), at: b.probeAt, atWord: t.probe, ahead: true, to: "/type", search: { type } });
    }
  }
  for (const [type, f] of Object.entries(s.types ?? {})) {
    if (f.failed >= failsFrom && f.failureRate >= failsShare) {
      list.push({ key: `fails ${type}`, tone: "danger", title: t.fails(type), why: t.failsWhy(f.failed, f.processed, f.failureRate), to: "/failed", search: { type } });
    }
  }
  for (const g of s.groups ?? []) {
    list.push({
      key: `regression ${g.transport} ${g.group}`, tone: "danger", title: t.regression(g.type), why: `${t.regressionWhy(g.count)}: ${g.sample}`,
      to: "/failed/group", search: { transport: g.transport, group: g.group },
    });
  }
  const scheduler = s.checks?.find((c) => c.name === "scheduler" && c.status !== "healthy");
  if (scheduler) list.push({ key: "scheduler", tone: "warn", title: t.schedule, why: scheduler.message, to: "/schedules" });
  for (const h of s.holds ?? []) {
    const what = held(h);
    list.push({
      key: `hold ${what} ${h.transport}`, tone: "warn", title: h.mode === "paused" ? t.paused(what) : t.draining(what), why: h.reason ?? "", at: h.until ?? h.since, atWord: h.until ? t.ends : t.began, ahead: !!h.until,
      ...(h.queue ? { to: "/queue", search: { transport: h.transport, queue: h.queue } } : h.type ? { to: "/type", search: { type: h.type } } : { to: "/queues", search: { show: "held" } }),
    });
  }
  return list.sort((a, b) => (a.tone === b.tone ? 0 : a.tone === "danger" ? -1 : 1));
}

function ofQueue(q: QueueRow, now: number): Finding[] {
  const to = { to: "/queue", search: { transport: q.transport, queue: q.queue } };
  if (q.holds.length > 0) return []; // the hold is told, and is why it grows
  const since = unasked(q, now);
  if (since) return [{ key: `nobody ${q.transport} ${q.queue}`, tone: "danger", title: t.nobody(q.queue), why: t.nobodyWhy(q.pending), at: since, atWord: t.asked, ...to }];
  const f = q.figures;
  const ended = f ? f.succeeded + f.dead + f.cancelled : 0;
  if (f && q.oldestPendingAge > waitsFor && f.dispatched - ended > Math.max(growsFrom, f.dispatched * growsBy)) {
    return [{ key: `grows ${q.transport} ${q.queue}`, tone: "warn", title: t.grows(q.queue), why: t.growsWhy(f.dispatched, ended, duration(q.oldestPendingAge)), ...to }];
  }
  return [];
}
