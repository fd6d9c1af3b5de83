import { describe, expect, it } from "vitest";
import { filterBody, filterOfSearch, filterQuery, isEmptyFilter, parseFilter, printFilter, sameFilter, searchOfFilter, withFilter, type Filter } from "./filter";
import { parseSearch, stringifySearch } from "./search";

const now = Date.parse("2026-11-29T12:00:00Z");

describe("parseFilter", () => {
  const read: [string, Filter][] = [
    ["", {}],
    ["   ", {}],
    ["type:mail.* queue:default tag:vip status:failed metadata.customer.id:42 since:1h -- free text",
      { type: "mail.*", queue: "default", tag: ["vip"], status: ["failed"], metadata: { "customer.id": "42" }, since: "1h", q: "free text" }],
    ["connection refused", { q: "connection refused" }],
    ['"connection  refused"', { q: "connection  refused" }],
    ['status:pending,processing status:failed', { status: ["pending", "processing", "failed"] }],
    ["status:FAILED status:failed", { status: ["failed"] }],
    ["tag:a tag:b,c", { tag: ["a", "b", "c"] }],
    ['queue:"my queue" type:a:b', { queue: "my queue", type: "a:b" }],
    ['queue:"a \\"b\\" \\\\c"', { queue: 'a "b" \\c' }],
    ["queue:C:\\temp", { queue: "C:\\temp" }],
    ['metadata."a b:c".d:"x y"', { metadata: { "a b:c.d": "x y" } }],
    ["error-class:timeout IDEMPOTENCYKEY:k", { errorClass: "timeout", idempotencyKey: "k" }],
    ["dispatchedBy:user:7", { dispatchedBy: "user:7" }],
    ["type:x --", { type: "x" }],
    ["a -- b -- c:d", { q: "a b -- c:d" }],
    ['-- "order": 42', { q: '"order": 42' }],
    ['{"order":42}', { q: '{"order":42}' }],
    ["12:30", { q: "12:30" }],
    ['"order": 42', { q: '"order": 42' }],
    ['"a":"b c"', { q: '"a":"b c"' }],
    ["since:90M until:30m", { since: "90m", until: "30m" }],
    ['since:"2 h ago"', { since: "2h" }],
    ["since:2026-11-29T14:00:00+02:00", { since: "2026-11-29T12:00:00.000Z" }],
    ["type:日本語 queue:🚚/x.y", { type: "日本語", queue: "🚚/x.y" }],
    ["priority:10", { priority: "10" }],
  ];
  it.each(read)("reads %j", (input, want) => {
    expect(parseFilter(input)).toEqual({ filter: want, problems: [] });
  });

  it("takes times without a zone as those of the viewer's choice", () => {
    expect(parseFilter("since:2026-11-29 until:2026-11-29T14:30", { zone: "Europe/Berlin" }).filter)
      .toEqual({ since: "2026-11-28T23:00:00.000Z", until: "2026-11-29T13:30:00.000Z" });
  });

  const refused: [string, number, number, RegExp][] = [
    ["stauts:failed", 0, 13, /stauts/],
    ["a status:done", 2, 13, /done is no status/],
    ["status:", 0, 7, /no value/],
    ["queue:a queue:b", 8, 15, /twice/],
    ["priority:11", 0, 11, /1 to 10/],
    ["priority:1.5", 0, 12, /1 to 10/],
    ["since:yesterday", 0, 15, /no time/],
    ["since:2026-13-40", 0, 16, /no time/],
    ['type:"a b', 0, 9, /not closed/],
    ["metadata:42", 0, 11, /path/],
    ["metadata.a:1 metadata.a:2", 13, 25, /twice/],
    ["https://example.com", 0, 19, /https/],
  ];
  it.each(refused)("says what is wrong with %j, and where", (input, from, to, message) => {
    const { problems } = parseFilter(input);
    expect(problems).toEqual([{ from, to, message: expect.stringMatching(message) }]);
  });

  it("refuses what cannot be chosen where it stands", () => {
    expect(parseFilter("status:failed type:a", { without: ["status"] })).toEqual({ filter: { type: "a" }, problems: [expect.objectContaining({ from: 0, to: 13 })] });
  });
});

const filters: Filter[] = [
  {},
  { q: "free text" },
  { q: "type:x" },
  { q: '"quoted"' },
  { q: "two  spaces" },
  { q: "-- dashes" },
  { q: "--" },
  { q: '{"a": "b"}' },
  { type: "a", q: "status:nothing" },
  { tag: ["a", 'b "c" \\'], metadata: { "a.b": "", "x y": "1" } },
  { queue: "a:b c", transport: "-", type: "--" },
  { status: ["failed", "pending"], since: "1h", until: "2026-11-29T12:00:00.000Z", priority: "3" },
  { type: '"', worker: "\\", dispatchedBy: "user:1" },
  { metadata: { 'a"b:c.d': "<script>" } },
];

describe("printFilter", () => {
  it.each(filters)("writes what parseFilter reads back: %j", (filter) => {
    const printed = printFilter(filter);
    const read = parseFilter(printed);
    const kept = { ...filter, metadata: filter.metadata && Object.fromEntries(Object.entries(filter.metadata).filter(([, v]) => v !== "")) };
    expect(sameFilter(read.filter, kept), printed).toBe(true);
  });

  it("writes text without dashes where it can", () => {
    expect(printFilter({ type: "mail.*", q: "connection refused" })).toBe("type:mail.* connection refused");
    expect(printFilter({ type: "mail.*", q: "a:b" })).toBe("type:mail.* -- a:b");
  });
});

describe("filters in addresses", () => {
  it.each(filters)("come back from one: %j", (filter) => {
    const { filter: read, problems } = filterOfSearch(parseSearch(stringifySearch(searchOfFilter(filter))));
    const kept = { ...filter, metadata: filter.metadata && Object.fromEntries(Object.entries(filter.metadata).filter(([, v]) => v !== "")) };
    expect(problems).toEqual([]);
    expect(sameFilter(read, kept)).toBe(true);
  });

  it("leave other parameters alone, and take away what is not in the new filter", () => {
    expect(stringifySearch(withFilter({ sort: "createdAt", type: "a", "metadata.x": "1", columns: ["a", "b"] }, { queue: "q" })))
      .toBe("?sort=createdAt&columns=a&columns=b&queue=q");
  });

  it("are told what is wrong, and used without it", () => {
    const { filter, problems } = filterOfSearch({ status: ["done", "failed"], priority: "99", since: "x", type: "a", sort: "y" });
    expect(filter).toEqual({ status: ["failed"], type: "a" });
    expect(problems).toHaveLength(3);
  });
});

describe("filters for the API", () => {
  const filter: Filter = { transport: "t", status: ["failed"], priority: "3", since: "1h", until: "2026-11-29T11:30:00.000Z", metadata: { "a.b": "1" }, q: "x" };
  it("are parameters of a list", () => {
    expect(filterQuery(filter, now)).toEqual({
      transport: "t", status: ["failed"], priority: 3, since: "2026-11-29T11:00:00.000Z", until: "2026-11-29T11:30:00.000Z", q: "x", metadata: { "metadata.a.b": "1" },
    });
  });
  it("are bodies without the transport, and without members that are not there", () => {
    const body = filterBody(filter, now);
    expect(body).toEqual({ status: ["failed"], priority: 3, since: "2026-11-29T11:00:00.000Z", until: "2026-11-29T11:30:00.000Z", q: "x", metadata: { "a.b": "1" } });
    expect(Object.keys(filterBody({ type: "a" }, now))).toEqual(["type"]);
  });
  it("are empty when nothing is asked for", () => {
    expect(isEmptyFilter({})).toBe(true);
    expect(isEmptyFilter({ q: "x" })).toBe(false);
    expect(isEmptyFilter({ metadata: { a: "1" } })).toBe(false);
  });
});
