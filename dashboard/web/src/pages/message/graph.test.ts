import { expect, test } from "vitest";
import { layout, type Told } from "./graph";

const m = (id: string, causationId?: string, type = "T"): Told => ({ id, causationId, type, status: "completed", transport: "default", createdAt: "2026-01-01T00:00:00Z" });
const drawn = (list: Told[], focus = "") => layout(list, focus).map((b) => `${b.messages.map((x) => x.id).join("+")} ${b.column},${b.row}${b.parent ? " of " + b.parent : ""}`);

test("consequences stand right of their cause, each in a row of its own", () => {
  expect(drawn([m("a"), m("b", "a"), m("c", "b"), m("d", "a")])).toEqual(["a 0,0", "b 1,0 of a", "c 2,0 of b", "d 1,1 of a"]);
});

test("many of one type are one box, but for the one that is looked at and those that have caused others", () => {
  const story = [m("a"), ...["b", "c", "d", "e", "f"].map((id) => m(id, "a")), m("g", "f"), m("u", "a", "U")];
  expect(drawn(story, "c")).toEqual(["a 0,0", "b 1,0 of a", "c 1,1 of a", "d 1,2 of a", "e 1,3 of a", "f 1,4 of a", "g 2,4 of f", "u 1,5 of a"]);
  expect(drawn([...story, m("h", "a")], "c")).toEqual(["a 0,0", "b+d+e+h 1,0 of a", "c 1,1 of a", "f 1,2 of a", "g 2,2 of f", "u 1,3 of a"]);
});

test("unknown causes and circles do not lose a message", () => {
  expect(drawn([m("a", "gone"), m("b", "c"), m("c", "b"), m("d", "d")])).toEqual(["a 0,0", "d 0,1", "b 0,2", "c 0,3"]);
});

test("a chain of as many as are read is laid out", () => {
  expect(layout(Array.from({ length: 200 }, (_, i) => m(String(i), i > 0 ? String(i - 1) : undefined)), "")).toHaveLength(200);
});
