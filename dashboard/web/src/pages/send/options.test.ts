import { expect, test } from "vitest";
import { countOptions, fieldsLike, optionsOf } from "./options";

const of = (fields: { [n: string]: string }) => optionsOf(fields, "Europe/Berlin");

test("fields become the options of a dispatch", () => {
  expect(of({
    transport: "mail", queue: " ", priority: "7", delay: "1h 30min", maxRetries: "0", retryDelay: "1s, 1min,0", timeout: "30s", retention: "0",
    tags: "a, ,b", ordered: "true", groupKey: "g", metadata: `{"n":12345678901234567890}`, headers: "{}", "onSuccess.type": "T", "onSuccess.payload": `{"a":1}`, "onFailure.type": "",
  })).toEqual({
    problems: [],
    options: {
      transport: "mail", priority: 7, delay: 5_400_000, maxRetries: 0, retryDelay: [1000, 60_000, 0], timeout: 30_000, retention: 0,
      tags: ["a", "b"], ordered: true, groupKey: "g", metadata: expect.anything(), onSuccess: { type: "T", payload: { a: 1 } },
    },
  });
  expect(of({ scheduledAt: "2026-12-01T10:00" }).options).toEqual({ scheduledAt: "2026-12-01T09:00:00.000Z" });
});

test("what cannot be understood is told by its field", () => {
  const { problems } = of({ delay: "soon", scheduledAt: "2026-12-01T10:00", priority: "high", metadata: "[]", retryDelay: "1s,x", "onFailure.queue": "q", expiresAt: "never" });
  expect(problems.map((p) => p.path)).toEqual(["delay", "priority", "metadata", "retryDelay", "expiresAt", "onFailure.type"]);
  expect(of({ delay: "1s", scheduledAt: "2026-12-01T10:00" }).problems.map((p) => p.path)).toEqual(["scheduledAt"]);
});

test("one like another has its options but what is its own", () => {
  const fields = fieldsLike({
    id: "i", status: "completed", transport: "mail", queue: "q", priority: 7, createdAt: "", attempt: 1, attempts: [], timeline: [], correlationId: "c", causationId: "d",
    idempotencyKey: "k", scheduledAt: "2026-12-01T09:00:00Z", message: { type: "T", payload: {}, metadata: { a: 1 } }, headers: { x: "y", traceparent: "00" },
    retryDelay: [1000, 61_500], timeout: 1500, tags: ["a", "b"], onSuccess: { type: "T2", queue: "q" },
  });
  expect(of(fields)).toEqual({ problems: [], options: {
    transport: "mail", queue: "q", priority: 7, timeout: 1500, retryDelay: [1000, 61_500], tags: ["a", "b"], headers: { x: "y" }, metadata: { a: 1 }, onSuccess: { type: "T2", queue: "q" },
  } });
  expect(countOptions({ ...fields, url: "" })).toBe(9);
});
