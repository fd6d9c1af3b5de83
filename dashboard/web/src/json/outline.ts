import { isObject, LosslessNumber, writeJson, type Json } from "../api/json";

/** One member of a large value: a leaf with its JSON, cut where it is long, or a branch with the number of its members. */
export type Entry = { name?: string } & ({ leaf: string; cut?: number } | { branch: "array" | "object"; size: number });

// So many characters of a leaf are told.
const mostOfLeaf = 2000;

/** The value at a place, which is told by the positions of its members, from the outermost on. */
export function at(value: Json, place: readonly number[]): Json {
  for (const i of place) value = members(value)[i]?.[1] ?? null;
  return value;
}

function members(value: Json): [string | undefined, Json][] {
  if (Array.isArray(value)) return value.map((v) => [undefined, v]);
  return isObject(value) ? Object.entries(value) : [];
}

/** The members of a value, from one position to before another. */
export function entries(value: Json, from: number, to: number): Entry[] {
  if (Array.isArray(value)) return value.slice(from, to).map((v) => entry(v));
  return isObject(value) ? Object.entries(value).slice(from, to).map(([name, v]) => entry(v, name)) : [];
}

/** A value as a member is told. */
export function entry(value: Json, name?: string): Entry {
  if (Array.isArray(value)) return { name, branch: "array", size: value.length };
  if (isObject(value)) return { name, branch: "object", size: Object.keys(value).length };
  const leaf = typeof value === "string" ? JSON.stringify(value) : value instanceof LosslessNumber ? value.value : String(value);
  return leaf.length > mostOfLeaf ? { name, leaf: leaf.slice(0, mostOfLeaf), cut: leaf.length } : { name, leaf };
}

/** A value without the parts that are large, and these by where they were. */
export function without(value: Json, places: readonly string[][], largest: number): { rest: Json; large: { path: string[]; value: Json; text: string }[] } {
  const large: { path: string[]; value: Json; text: string }[] = [];
  for (const path of places) {
    let holder: Json = value;
    for (const name of path.slice(0, -1)) holder = isObject(holder) ? holder[name] ?? null : null;
    const last = path[path.length - 1]!;
    const part = isObject(holder) ? holder[last] : undefined;
    if (!isObject(holder) || part === undefined || part === null) continue;
    const text = writeJson(part, 2);
    if (text.length <= largest) continue;
    large.push({ path, value: part, text });
    holder[last] = {};
  }
  return { rest: value, large };
}
