import { describe, expect, it } from "vitest";
import { findings, type Sources } from "./attention";

const now = Date.parse("2026-11-29T12:00:00Z");
const ago = (ms: number) => new Date(now - ms).toISOString();
const titles = (s: Partial<Sources>) => findings({ now, ...s }).map((f) => f.title);
const queue = (over: object) => ({ transport: "default", queue: "mail", pending: 50, oldestPendingAge: 120_000, holds: [], limits: [], figures: { dispatched: 100, succeeded: 40, dead: 0, cancelled: 0 }, ...over }) as never;

describe("what needs attention", () => {
  it("is nothing where nothing is known, or all is well", () => {
    expect(titles({})).toEqual([]);
    expect(titles({ queues: [queue({ figures: { dispatched: 100, succeeded: 95, dead: 0, cancelled: 0 } })] })).toEqual([]);
  });
  it("is a queue that grows while something waits in it", () => {
    expect(titles({ queues: [queue({})] })).toEqual(["Queue mail grows"]);
    expect(titles({ queues: [queue({ oldestPendingAge: 1000 })] })).toEqual([]);
    expect(titles({ queues: [queue({ figures: undefined })] })).toEqual([]);
  });
  it("is a queue without workers, and then not that it grows", () => {
    expect(titles({ queues: [queue({ unaskedSince: ago(61_000) })] })).toEqual(["Queue mail has no workers"]);
    expect(titles({ queues: [queue({ unaskedSince: ago(59_000) })] })).toEqual(["Queue mail grows"]);
  });
  it("is a hold in place of what follows from it", () => {
    const holds = [{ mode: "paused" as const, transport: "default", queue: "mail", since: ago(5000) }];
    expect(titles({ holds, queues: [queue({ holds })] })).toEqual(["Queue mail is paused"]);
  });
  it("is a type of which many attempts fail", () => {
    const figures = (failed: number, processed: number) => ({ failed, processed, failureRate: failed / processed }) as never;
    expect(titles({ types: { A: figures(5, 20), B: figures(4, 4), C: figures(5, 100) } })).toEqual(["Type A fails"]);
  });
  it("has what is worse first, each with a link", () => {
    const list = findings({
      now, holds: [{ mode: "draining", transport: "email", since: ago(0) }],
      nodes: [{ id: "n", name: "web", breakers: [{ handler: "hook.* second", state: "open", failures: 5, openedAt: ago(0), probeAt: ago(0) }] }] as never,
      alerts: { success: true, enabled: true, alerts: [{ rule: "no_workers", transport: "default", firing: true, text: "x" }] } as never,
      groups: [{ group: "1:a", transport: "default", type: "A", count: 2, sample: "no" }] as never,
      checks: [{ name: "scheduler", status: "degraded", message: "late", value: 1, unit: "ms" }],
    });
    expect(list.map((f) => [f.title, f.to])).toEqual([
      ["Alert no workers", "/alerts"], ["Handler hook.* second is not called", "/type"], ["A fails again", "/failed/group"],
      ["Schedules are behind", "/schedules"], ["Transport email drains", "/queues"],
    ]);
    expect(list[1]!.search).toEqual({ type: "hook.*" });
  });
  it("leaves out alerts that nobody judges", () => {
    expect(titles({ alerts: { success: true, enabled: false, alerts: [{ rule: "a", firing: true }] } as never })).toEqual([]);
  });
});
