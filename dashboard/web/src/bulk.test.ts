import { describe, expect, it } from "vitest";
import { fitting, meansOther, mostIds, narrowed, partsOfFilter, partsOfPicked, type Picked } from "./bulk";

const now = Date.parse("2026-11-29T12:00:00Z");
const picked: Picked[] = [
  { transport: "a", id: "1", status: "pending" }, { transport: "a", id: "2", status: "processing" }, { transport: "b", id: "3", status: "pending" },
  { transport: "a", id: "4", status: "failed", failedId: "f4" }, { transport: "a", id: "5", status: "completed" },
];

describe("messages that were picked", () => {
  it("are those that an action is for", () => {
    expect(fitting("cancel", picked).map((p) => p.id)).toEqual(["1", "2", "3"]);
    expect(fitting("edit", picked).map((p) => p.id)).toEqual(["1", "3"]);
    expect(fitting("replay", picked).map((p) => p.id)).toEqual(["5"]);
  });
  it("are asked for by transport, dead letters by their own ids", () => {
    expect(partsOfPicked("cancel", picked)).toEqual([{ transport: "a", ids: ["1", "2"] }, { transport: "b", ids: ["3"] }]);
    expect(partsOfPicked("retry", picked)).toEqual([{ transport: "a", ids: ["f4"] }]);
  });
  it("are asked for in several calls where they are too many for one", () => {
    const many = Array.from({ length: mostIds + 1 }, (_, i): Picked => ({ transport: "a", id: String(i), status: "pending" }));
    expect(partsOfPicked("delete", many).map((p) => p.ids?.length)).toEqual([mostIds, 1]);
  });
});

describe("all that a filter selects", () => {
  it("keeps to the statuses that an action is for", () => {
    expect(narrowed("cancel", { status: ["pending", "failed"] })).toEqual({ status: ["pending"] });
    expect(narrowed("replay", { status: ["pending"] })).toBeUndefined();
    expect(partsOfFilter("replay", { status: ["pending"] }, ["a"], now)).toEqual([]);
  });
  it("is asked for at each transport, or at the one that it names", () => {
    expect(partsOfFilter("cancel", { type: "x" }, ["a", "b"], now)).toEqual([{ transport: "a", filter: { type: "x" } }, { transport: "b", filter: { type: "x" } }]);
    expect(partsOfFilter("cancel", { type: "x", transport: "b" }, ["a", "b"], now)).toEqual([{ transport: "b", filter: { type: "x" } }]);
    expect(partsOfFilter("cancel", { status: ["pending"] }, ["a"], now)).toEqual([{ transport: "a", filter: { status: ["pending"] } }]);
  });
  it("is confirmed to be everything only where a deletion has no filter", () => {
    expect(partsOfFilter("delete", {}, ["a"], now)).toEqual([{ transport: "a", filter: {}, all: true }]);
    expect(partsOfFilter("delete", { status: ["pending"] }, ["a"], now)).toEqual([{ transport: "a", filter: {}, all: true }]);
    expect(partsOfFilter("deleteFailed", { queue: "q" }, ["a"], now)).toEqual([{ transport: "a", filter: { queue: "q" } }]);
    expect(partsOfFilter("retry", {}, ["a"], now)).toEqual([{ transport: "a", filter: {} }]);
  });
  it("tells where dead letters would be selected otherwise", () => {
    expect(meansOther("retry", { since: "1h" })).toBe(true);
    expect(meansOther("deleteFailed", { q: "x" })).toBe(true);
    expect(meansOther("retry", { type: "x", endedSince: "1h" })).toBe(false);
    expect(meansOther("cancel", { since: "1h" })).toBe(false);
  });
});
