import { isObject, type Json } from "../api/json";

/** Where a value is in a payload, such as customer.id or items[].price, with the kinds that are there. */
export type Shape = Map<string, string>;

/** Payloads of one shape: how many, and the first of them by its place in the list. */
export type ShapeVersion = { shape: Shape; count: number; first: number };

// A payload may have any number of members; a table of them is of use up to here.
const mostPaths = 200;

/** The kind of a value of JSON. */
export function kindOf(v: Json): string {
  if (v === null) return "null";
  if (Array.isArray(v)) return v.length === 0 ? "empty array" : "array";
  if (isObject(v)) return Object.keys(v).length === 0 ? "empty object" : "object";
  return typeof v === "string" ? (v === "" ? "empty string" : "string") : typeof v === "boolean" ? "boolean" : "number";
}

/** The paths of a value's leaves with their kinds, of at most 200 paths. Elements of arrays are taken together. */
export function shapeOf(value: Json): Shape {
  const kinds = new Map<string, Set<string>>();
  const walk = (v: Json, path: string) => {
    if (Array.isArray(v) && v.length > 0) return v.slice(0, 100).forEach((e) => walk(e, `${path}[]`));
    if (isObject(v) && Object.keys(v).length > 0) {
      return Object.entries(v).forEach(([name, m]) => walk(m, path === "" ? name : `${path}.${name}`));
    }
    const known = kinds.get(path);
    if (known) known.add(kindOf(v));
    else if (kinds.size < mostPaths) kinds.set(path, new Set([kindOf(v)]));
  };
  walk(value, "");
  return new Map([...kinds].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([path, k]) => [path, [...k].sort().join(" or ")]));
}

/** The shapes that payloads have, the most frequent first. */
export function versions(payloads: Json[]): ShapeVersion[] {
  const found = new Map<string, ShapeVersion>();
  payloads.forEach((p, i) => {
    const shape = shapeOf(p);
    const key = JSON.stringify([...shape]);
    const known = found.get(key);
    if (known) known.count++;
    else found.set(key, { shape, count: 1, first: i });
  });
  return [...found.values()].sort((a, b) => b.count - a.count || a.first - b.first);
}

/** The paths of several shapes, those at which these differ first. */
export function pathsOf(list: Shape[]): { path: string; differs: boolean }[] {
  const all = new Set(list.flatMap((s) => [...s.keys()]));
  return [...all]
    .map((path) => ({ path, differs: list.some((s) => s.get(path) !== list[0]!.get(path)) }))
    .sort((a, b) => Number(b.differs) - Number(a.differs) || (a.path < b.path ? -1 : 1));
}
