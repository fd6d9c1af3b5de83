import type { Shape } from "../../api/client";
import { one, type Search } from "../../search";
import { text } from "../../text";
import type { Series } from "../../ui/chart";

const t = text.series;

export type Metrics = Shape<"MetricsResponse">;
type Point = Shape<"MetricsPoint">;
type Group = Shape<"MetricsGroup">;

export type Span = "15m" | "1h" | "6h" | "24h" | "7d";
export type By = "status" | "queue" | "type" | "worker";
export type Measure = "count" | "failed" | "run" | "wait";
export type Percentile = "avg" | "p50" | "p95" | "p99";

/** What a chart shows. */
export type View = { span: Span; by: By; measure: Measure; percentile: Percentile };

/** Minutes of a span, and of a step in it: few enough steps to draw quickly, whole hours where only these are kept. */
export const spans: Record<Span, { minutes: number; step: number }> = {
  "15m": { minutes: 15, step: 1 }, "1h": { minutes: 60, step: 1 }, "6h": { minutes: 360, step: 10 },
  "24h": { minutes: 1440, step: 30 }, "7d": { minutes: 10_080, step: 180 },
};

/** Groups of a chart that are told apart; more cannot be told apart by eye either. */
export const groups = 7;

const choices = { span: t.spans, by: t.bys, measure: t.measures, percentile: t.percentiles };
export const usual: View = { span: "1h", by: "status", measure: "count", percentile: "p95" };

/** Reads a view from an address, and what of it there is not. */
export function viewOf(search: Search): { view: View; problems: string[] } {
  const view: Record<keyof View, string> = { ...usual };
  const problems: string[] = [];
  for (const name of Object.keys(choices) as (keyof View)[]) {
    const value = one(search[name]);
    if (value === undefined) continue;
    if (choices[name].some(([v]) => v === value)) view[name] = value;
    else problems.push(t.bad(name, value));
  }
  return { view: view as View, problems };
}

/** The member of an address that says a part of a view; the usual is not said. */
export function searchOfView(view: Partial<View>): Search {
  return Object.fromEntries(Object.entries(view).map(([k, v]) => [k, v === usual[k as keyof View] ? undefined : v]));
}

/** A figure of a step by the measure; null where nothing was measured. */
export function figure(p: Point, measure: Measure, percentile: Percentile): number | null {
  if (measure === "count") return p.processed + p.cancelled;
  if (measure === "failed") return p.failed;
  if (p.processed === 0) return null;
  const by = measure === "run"
    ? { avg: p.averageProcessingTime, p50: p.p50, p95: p.p95, p99: p.p99 }
    : { avg: p.averageWaitingTime, p50: p.waitingP50, p95: p.waitingP95, p99: p.waitingP99 };
  return by[percentile];
}

const statusColors: Record<string, string> = { completed: "--completed", pending: "--warn", failed: "--failed", cancelled: "--cancelled" };
const statusOrder = ["completed", "pending", "failed", "cancelled"];

/** The series of all that is counted, in groups. */
export function groupedSeries(m: Metrics, view: View): Series[] {
  let list: Group[] = m.groups ?? [];
  if (view.by === "status") list = statusOrder.flatMap((s) => list.find((g) => g.name === s) ?? []);
  const several = new Set(list.map((g) => g.transport)).size > 1;
  return list
    .map((g, i): Series => ({
      name: view.by === "status" ? t.statuses[g.name] ?? g.name : g.name === "other" ? t.other : several && g.transport ? `${g.transport}/${g.name}` : g.name,
      color: view.by === "status" ? statusColors[g.name] ?? "--cancelled" : g.name === "other" ? "--series-other" : `--series-${(i % groups) + 1}`,
      values: g.series.map((p) => figure(p, view.measure, view.percentile)),
    }))
    .filter((s) => s.values.some((v) => v !== null && v > 0));
}

/** The series of one queue or type: counts by what became of attempts, times by their percentiles. */
export function ownSeries(m: Metrics, measure: Measure): Series[] {
  if (measure === "run" || measure === "wait") {
    return (["p50", "p95", "p99"] as const).map((p, i) => ({ name: p, color: `--series-${i + 1}`, values: m.series.map((s) => figure(s, measure, p)) }));
  }
  const members = measure === "count" ? (["succeeded", "retried", "dead", "cancelled"] as const) : (["retried", "dead"] as const);
  const colors = { succeeded: "--completed", retried: "--warn", dead: "--failed", cancelled: "--cancelled" };
  return members.map((k) => ({ name: t.outcomes[k], color: colors[k], values: m.series.map((p) => p[k]) })).filter((s) => s.values.some((v) => v > 0));
}
