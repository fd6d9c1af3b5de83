import { describe, expect, it } from "vitest";
import { parseJson } from "./api/json";
import { choose, seenIn, suggest, withPatterns, type KnownValues } from "./filter-suggest";

const known: KnownValues = {
  type: ["invoice.send", "mail.send", "mail.welcome", "mail.*"], queue: ["default", "my queue"], tag: ["eu", "vip"],
  "metadata.customer.id": ["42", "43"], "metadata.region": ["eu"],
};

/** Suggestions where | stands, as the texts that choosing them makes. */
function offered(at: string, without?: Parameters<typeof suggest>[3]): string[] {
  const caret = at.indexOf("|");
  const input = at.replace("|", "");
  return suggest(input, caret, known, without).map((s) => {
    const { text, caret } = choose(input, s); // the caret passes a space that is there
    return text.slice(0, caret) + "|" + text.slice(caret);
  });
}

describe("suggest", () => {
  it.each([
    ["status:|", ["status:pending |", "status:processing |", "status:completed |", "status:failed |", "status:cancelled |"]],
    ["status:pending,f|", ["status:pending,failed |"]],
    ["type:send|", ["type:invoice.send |", "type:mail.send |"]],
    ["type:ma| queue:a", ["type:mail.send |queue:a", "type:mail.welcome |queue:a", "type:mail.* |queue:a"]],
    ["queue:my|", ['queue:"my queue" |']],
    ["tag:vip,|", ["tag:vip,eu |"]],
    ["metadata.customer.id:|", ["metadata.customer.id:42 |", "metadata.customer.id:43 |"]],
    ["metadata.r|", ["metadata.region:|"]],
    ["since:|", ["since:15m |", "since:1h |", "since:24h |", "since:7d |"]],
    ["pri|", ["priority:|"]],
    ["welc|", ["type:mail.welcome |"]],
    ["type:mail.send -- sta|", []],
    ["nothing:|", []],
    ["que|ue:x", []],
  ])("%s", (at, want) => {
    expect(offered(at)).toEqual(want);
  });

  it("offers every name where nothing is typed", () => {
    expect(offered("|")).toContain("status:|");
    expect(offered("type:a |")).toContain("type:a endedUntil:|");
  });

  it("leaves out what cannot be chosen", () => {
    expect(offered("stat|", ["status"])).toEqual([]);
    expect(offered("|", ["status"])).not.toContain("status:|");
  });
});

it("offers patterns that several types share", () => {
  expect(withPatterns(["mail.a", "mail.b", "order.x.a", "order.x.b", "single.a"]))
    .toEqual(["mail.*", "mail.a", "mail.b", "order.*", "order.x.*", "order.x.a", "order.x.b", "single.a"]);
});

it("finds what messages can be found by", () => {
  const metadata = parseJson('{"customer": {"id": 12345678901234567890, "vip": true}, "a.b": 1, "list": [1], "empty": ""}');
  expect(seenIn([{ message: { type: "a", metadata }, tags: ["x"], errorClass: "timeout", worker: "w" }, { message: { type: "b" }, tags: ["x", "y"] }]))
    .toEqual({ tag: ["x", "y"], errorClass: ["timeout"], worker: ["w"], "metadata.customer.id": ["12345678901234567890"], "metadata.customer.vip": ["true"] });
});
