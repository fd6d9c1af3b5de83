import { expect, test } from "vitest";
import type { Shape } from "../../api/client";
import { workersOn } from "./workers";

const worker = (name: string, transport: string, queues?: string[]) => ({ name, transport, queues }) as Shape<"NodeWorker">;
const nodes = [
  { name: "one", workers: [worker("all", "default"), worker("mail", "default", ["mail", "slow"])] },
  { name: "two", workers: [worker("mail", "default", ["mail"]), worker("all", "email")] },
] as Shape<"Node">[];
const on = (...queues: [string, string][]) => workersOn(nodes, ...queues.map(([transport, queue]) => ({ transport, queue }))).map((w) => `${w.node} ${w.name}`);

test("a worker takes the queues that it names, or all of its transport", () => {
  expect(on(["default", "mail"])).toEqual(["one all", "one mail", "two mail"]);
  expect(on(["default", "other"])).toEqual(["one all"]);
  expect(on(["email", "mail"])).toEqual(["two all"]);
});

test("a worker that takes several of the queues counts once", () => {
  expect(on(["default", "mail"], ["default", "slow"], ["email", "mail"])).toEqual(["one all", "one mail", "two mail", "two all"]);
  expect(on()).toEqual([]);
});
