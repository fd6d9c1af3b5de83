import { LosslessNumber, parse as parseLossless, stringify as stringifyLossless } from "lossless-json";

/** A value of JSON as the page holds it: numbers that a double would change are LosslessNumber. */
export type Json = null | boolean | number | string | LosslessNumber | Json[] | { [name: string]: Json };

export { LosslessNumber };

/** A number is a double where that prints the same digits, so that 1.0, 1e3 and 2^64 stay as they were written. */
function parseNumber(digits: string): number | LosslessNumber {
  const n = Number(digits);
  return String(n) === digits ? n : new LosslessNumber(digits);
}

/** Parses JSON without losing a digit of any number. Throws SyntaxError. */
export function parseJson(text: string): Json {
  return parseLossless(text, undefined, parseNumber) as Json;
}

/** Writes a value as JSON, numbers as they were read. indent is in spaces; without it all is on one line. */
export function writeJson(value: unknown, indent?: number): string {
  return stringifyLossless(value, undefined, indent) ?? "";
}

/** Tells whether a value is an object with named members. */
export function isObject(v: unknown): v is { [name: string]: Json } {
  return typeof v === "object" && v !== null && !Array.isArray(v) && !(v instanceof LosslessNumber);
}
