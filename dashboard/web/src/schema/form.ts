import { isObject, parseJson, type Json } from "../api/json";

/**
 * A field of a form, made of a JSON Schema. "raw" is what a form cannot show: it is written as JSON. what stands for the
 * member is taken away where an optional one is left empty.
 */
export type FormField = { name: string; title: string; hint?: string; required: boolean } & (
  | { kind: "text"; long: boolean; input: "text" | "date" | "email" | "url" }
  | { kind: "number"; whole: boolean; min?: number; max?: number }
  | { kind: "boolean" }
  | { kind: "choice"; values: Json[] }
  | { kind: "object"; fields: FormField[] }
  | { kind: "array"; item: FormField }
  | { kind: "raw" }
);

// Schemas that lead to themselves have no end.
const deepest = 8;

/** The fields of an object's schema; undefined where it is no schema of an object with members. */
export function formOf(schema: Json | undefined): FormField[] | undefined {
  if (!isObject(schema)) return undefined;
  const found = follow(schema, schema);
  return found && isObject(found.properties) && Object.keys(found.properties).length > 0 ? fieldsOf(found, schema, 0) : undefined;
}

function fieldsOf(schema: { [n: string]: Json }, whole: { [n: string]: Json }, depth: number): FormField[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(schema.properties as { [n: string]: Json }).map(([name, s]) => fieldOf(name, s, whole, required.includes(name), depth + 1));
}

/** A schema with what its $ref within the document leads to. */
function follow(schema: Json, whole: { [n: string]: Json }, hops = 0): { [n: string]: Json } | undefined {
  if (!isObject(schema)) return undefined;
  if (typeof schema.$ref !== "string") return schema;
  if (!schema.$ref.startsWith("#") || hops > deepest) return undefined;
  let at: Json = whole;
  for (const step of schema.$ref.slice(1).split("/").filter((s) => s !== "")) {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isObject(at) ? at[name] ?? null : null;
  }
  const found = follow(at, whole, hops + 1);
  return found && { ...found, ...Object.fromEntries(Object.entries(schema).filter(([k]) => k === "title" || k === "description")) };
}

// What says more than a form can: such members are written as JSON.
const beyond = ["oneOf", "anyOf", "allOf", "not", "if", "patternProperties", "prefixItems", "dependentSchemas"];

function fieldOf(name: string, schema: Json, whole: { [n: string]: Json }, required: boolean, depth: number): FormField {
  const s = follow(schema, whole);
  const text = (v: Json | undefined) => (typeof v === "string" ? v : undefined);
  const base = { name, title: text(s?.title) ?? name, hint: text(s?.description), required };
  if (!s || depth > deepest || beyond.some((k) => k in s)) return { ...base, kind: "raw" };
  if (Array.isArray(s.enum)) return { ...base, kind: "choice", values: s.enum };
  if (s.const !== undefined) return { ...base, kind: "choice", values: [s.const] };
  const number = (v: Json | undefined) => (typeof v === "number" ? v : undefined);
  switch (s.type) {
    case "string": {
      const input = { date: "date", email: "email", uri: "url" }[text(s.format) ?? ""] ?? "text";
      return { ...base, kind: "text", input: input as "text", long: (number(s.maxLength) ?? 0) > 120 };
    }
    case "integer": case "number":
      return { ...base, kind: "number", whole: s.type === "integer", min: number(s.minimum), max: number(s.maximum) };
    case "boolean": return { ...base, kind: "boolean" };
    case "object":
      return isObject(s.properties) && Object.keys(s.properties).length > 0 ? { ...base, kind: "object", fields: fieldsOf(s, whole, depth) } : { ...base, kind: "raw" };
    case "array":
      return isObject(s.items) ? { ...base, kind: "array", item: fieldOf("", s.items, whole, true, depth + 1) } : { ...base, kind: "raw" };
    default: return { ...base, kind: "raw" };
  }
}

/** A payload to begin with: defaults and examples of the schema, and what is required. */
export function exampleOf(schema: Json | undefined): Json {
  if (isObject(schema)) {
    if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0]!;
    if (isObject(schema.default)) return schema.default;
  }
  const fields = formOf(schema);
  return fields && isObject(schema) ? begin({ name: "", title: "", required: true, kind: "object", fields }) : {};
}

/** What a required field begins with. */
export function begin(f: FormField): Json {
  switch (f.kind) {
    case "text": return "";
    case "number": return f.min ?? 0;
    case "boolean": return false;
    case "choice": return f.values[0] ?? null;
    case "array": return [];
    case "raw": return null;
    case "object": return Object.fromEntries(f.fields.filter((m) => m.required).map((m) => [m.name, begin(m)]));
  }
}

/** What is put in a member's place: undefined takes it away. */
export function put(value: Json | undefined, name: string, member: Json | undefined): { [name: string]: Json } {
  const next = isObject(value) ? { ...value } : {};
  if (member === undefined) delete next[name];
  else Object.defineProperty(next, name, { value: member, enumerable: true, configurable: true, writable: true });
  return next;
}

/** Reads what is written in a field of numbers: a number with all its digits, or the text itself where it is none. */
export function readNumber(text: string): Json {
  try {
    const read = parseJson(text.trim());
    return typeof read === "number" || (typeof read === "object" && read !== null && "isLosslessNumber" in read) ? read : text;
  } catch {
    return text;
  }
}
