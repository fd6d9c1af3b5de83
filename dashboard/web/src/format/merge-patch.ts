import { isObject, LosslessNumber, writeJson, type Json } from "../api/json";

/** Tells whether two values of JSON are the same, whatever the order of members. Numbers are by their digits. */
export function sameJson(a: Json, b: Json): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => sameJson(v, b[i]!));
  if (isObject(a)) {
    if (!isObject(b)) return false;
    const names = Object.keys(a);
    return names.length === Object.keys(b).length && names.every((n) => Object.hasOwn(b, n) && sameJson(a[n]!, b[n]!));
  }
  if (a instanceof LosslessNumber || b instanceof LosslessNumber) {
    return !isObject(b) && !Array.isArray(b) && typeof a !== "string" && typeof b !== "string" && writeJson(a) === writeJson(b);
  }
  return a === b;
}

/** A merge patch, and the paths of what it cannot say: to such a patch null means to remove. */
export type DerivedPatch = { patch: Json; nulls: string[] };

/** The JSON merge patch (RFC 7396) that makes after of before, as far as there is one. Arrays are replaced as a whole. */
export function derivePatch(before: Json, after: Json): DerivedPatch {
  const nulls: string[] = [];
  return { patch: difference(before, after, "", nulls) ?? {}, nulls };
}

function difference(before: Json, after: Json, path: string, nulls: string[]): Json | undefined {
  if (sameJson(before, after)) return undefined;
  if (!isObject(after)) {
    if (after === null) nulls.push(path);
    return after;
  }
  const from = isObject(before) ? before : {};
  const patch: { [name: string]: Json } = {};
  for (const name of Object.keys(from)) if (!Object.hasOwn(after, name)) set(patch, name, null);
  for (const [name, value] of Object.entries(after)) {
    const at = path === "" ? name : `${path}.${name}`;
    // What is not there yet is merged into nothing: its own nulls would be lost on the way.
    const d = Object.hasOwn(from, name) ? difference(from[name]!, value, at, nulls) : added(value, at, nulls);
    if (d !== undefined) set(patch, name, d);
  }
  return patch;
}

function added(value: Json, path: string, nulls: string[]): Json {
  if (value === null) nulls.push(path);
  if (isObject(value)) for (const [name, v] of Object.entries(value)) added(v, `${path}.${name}`, nulls);
  return value;
}

// A member may be called __proto__.
function set(object: { [name: string]: Json }, name: string, value: Json) {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}
