import { describe, expect, it } from "vitest";
import type { Shape } from "./api/client";
import { addSample, filterOfOperation, linksOfOperation, speedOf, type Sample } from "./operation";
import { stringifySearch } from "./search";

const op = (o: Partial<Shape<"Operation">>): Shape<"Operation"> => ({
  id: "op1", kind: "messages.cancel", state: "running", transport: "default", done: 0, skipped: 0, createdAt: "2026-11-29T12:00:00Z", updatedAt: "2026-11-29T12:00:00Z", ...o,
});

describe("the filter of an operation", () => {
  it("is the one that it was asked for", () => {
    expect(filterOfOperation(op({ filter: { type: "mail.*", priority: 3, status: ["pending"], tag: ["a", "b"], until: "2026-11-29T12:00:00Z", metadata: { "customer.id": "42" }, q: "x" } })))
      .toEqual({ transport: "default", type: "mail.*", priority: "3", status: ["pending"], tag: ["a", "b"], until: "2026-11-29T12:00:00.000Z", metadata: { "customer.id": "42" }, q: "x" });
  });
  it("is not there where it was asked for by ids", () => {
    expect(filterOfOperation(op({ selected: 3 }))).toBeUndefined();
  });
});

it("leads to the messages that it selects, and to what has become of them", () => {
  const links = (o: Partial<Shape<"Operation">>) => linksOfOperation(op(o)).map((l) => l.to + stringifySearch(l.search));
  expect(links({ filter: { type: "a" } })).toEqual([
    "/messages?status=pending&status=processing&transport=default&type=a", "/messages?status=cancelled&transport=default&type=a&endedSince=2026-11-29T12%3A00%3A00Z",
  ]);
  expect(links({ kind: "failed.delete", filter: { errorClass: "timeout" } })).toEqual(["/failed?transport=default&errorClass=timeout"]);
  expect(links({ kind: "messages.replay", selected: 2 })).toEqual(["/messages?q=op1&transport=default&since=2026-11-29T12%3A00%3A00Z"]);
});

describe("the speed of an operation", () => {
  const add = (list: [number, number][]) => list.reduce<Sample[]>((s, [at, done]) => addSample(s, { at, done }), []);
  it("is told of the last ten seconds", () => {
    expect(speedOf(add([[0, 0], [5000, 1000], [10_000, 1000], [20_000, 2000]]))).toBe(100);
  });
  it("is not told by one look, nor by two that are near to each other", () => {
    expect(speedOf(add([[0, 5]]))).toBeUndefined();
    expect(speedOf(add([[0, 5], [500, 50]]))).toBeUndefined();
  });
  it("begins anew where the count does", () => {
    expect(add([[0, 50], [1000, 10]])).toEqual([{ at: 1000, done: 10 }]);
  });
});
