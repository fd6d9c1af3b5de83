import { describe, expect, it } from "vitest";
import { figure, groupedSeries, ownSeries, searchOfView, usual, viewOf, type Metrics } from "./series";

const point = (over: object) => ({
  time: "2026-11-29T12:00:00Z", dispatched: 0, processed: 0, succeeded: 0, failed: 0, retried: 0, dead: 0, released: 0, cancelled: 0,
  averageProcessingTime: 0, p50: 0, p95: 0, p99: 0, averageWaitingTime: 0, waitingP50: 0, waitingP95: 0, waitingP99: 0, ...over,
});

describe("the view of an address", () => {
  it("is the usual one where nothing is said", () => expect(viewOf({})).toEqual({ view: usual, problems: [] }));
  it("says what there is not, and keeps the rest", () => {
    const { view, problems } = viewOf({ span: "2h", by: ["queue", "type"], measure: "wait" });
    expect(view).toEqual({ ...usual, by: "queue", measure: "wait" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("2h");
  });
  it("is written without what is usual", () => expect(searchOfView({ span: "1h", by: "type" })).toEqual({ span: undefined, by: "type" }));
});

describe("figures of a step", () => {
  it("have no time where nothing was handled", () => expect(figure(point({}), "run", "p95")).toBeNull());
  it("are the percentile that was chosen", () => {
    const p = point({ processed: 2, p99: 9, waitingP50: 3, averageWaitingTime: 4 });
    expect([figure(p, "run", "p99"), figure(p, "wait", "p50"), figure(p, "wait", "avg")]).toEqual([9, 3, 4]);
  });
  it("count cancelled messages, which are no attempts", () => expect(figure(point({ processed: 2, cancelled: 1 }), "count", "avg")).toBe(3));
});

describe("series", () => {
  const group = (name: string, transport: string, over: object) => ({ name, transport, series: [point(over)] });
  it("of statuses are in the order of a life, without those that are empty", () => {
    const m = { groups: [group("failed", "", { processed: 1 }), group("completed", "", { processed: 5 }), group("cancelled", "", {})] } as unknown as Metrics;
    expect(groupedSeries(m, usual).map((s) => [s.name, s.color])).toEqual([["Completed", "--completed"], ["Failed", "--failed"]]);
  });
  it("of queues name their transports where there are several", () => {
    const m = { groups: [group("mail", "a", { processed: 1 }), group("mail", "b", { processed: 1 }), group("other", "", { processed: 1 })] } as unknown as Metrics;
    expect(groupedSeries(m, { ...usual, by: "queue" }).map((s) => s.name)).toEqual(["a/mail", "b/mail", "Other"]);
  });
  it("of one queue are what became of its attempts", () => {
    const m = { series: [point({ succeeded: 2, dead: 1, processed: 3 })] } as unknown as Metrics;
    expect(ownSeries(m, "count").map((s) => s.name)).toEqual(["Completed", "Failed"]);
    expect(ownSeries(m, "run").map((s) => s.name)).toEqual(["p50", "p95", "p99"]);
  });
});
