import { Validator, type OutputUnit, type Schema, type SchemaDraft } from "@cfworker/json-schema";
import type { Problem } from "../api/errors";
import { isObject, LosslessNumber, type Json } from "../api/json";

/** What is known of the types of messages: their names and their JSON Schemas by pattern. */
export type KnownTypes = { names: string[]; schemas: { [pattern: string]: Json } };

/** Longer texts are not checked while they are written: the server does when they are sent. */
export const mostChecked = 256 * 1024;

const drafts: [RegExp, SchemaDraft][] = [[/draft-04/, "4"], [/draft-0[67]/, "7"], [/2019-09/, "2019-09"]];

/**
 * What is wrong with a payload by its type's JSON Schema, with paths as the server writes them: items[2].sku. The server
 * has the last word; a schema that cannot be read here says nothing.
 */
export function schemaProblems(schema: Json, value: Json): Problem[] {
  const said = isObject(schema) && typeof schema.$schema === "string" ? schema.$schema : "";
  const draft = drafts.find(([pattern]) => pattern.test(said))?.[1] ?? "2020-12";
  let errors: OutputUnit[];
  try {
    errors = new Validator(plain(schema) as Schema, draft, false).validate(plain(value)).errors;
  } catch {
    return [];
  }
  const problems: Problem[] = [];
  for (const e of errors) {
    // Those that only say that something below them does not fit.
    if (["properties", "patternProperties", "items", "prefixItems", "allOf", "$ref", "additionalProperties"].includes(e.keyword)) continue;
    const path = pathOf(e.instanceLocation);
    const name = e.keyword === "required" ? /"([^]*)"\.?$/.exec(e.error)?.[1] : undefined;
    const problem = name !== undefined ? { path: join(path, name), message: "is required" }
      : e.keyword === "false" ? { path, message: "is not allowed" } : { path, message: e.error };
    if (!problems.some((p) => p.path === problem.path && p.message === problem.message)) problems.push(problem);
  }
  return problems;
}

/** Numbers as doubles: good enough to tell whether they fit. */
function plain(v: Json): unknown {
  if (v instanceof LosslessNumber) return Number(v.value);
  if (Array.isArray(v)) return v.map(plain);
  if (!isObject(v)) return v;
  return Object.fromEntries(Object.entries(v).map(([k, m]) => [k, plain(m)]));
}

function join(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

/** A JSON pointer in a fragment as the server writes paths. */
function pathOf(pointer: string): string {
  let path = "";
  for (const step of pointer.replace(/^#\/?/, "").split("/").filter((s) => s !== "")) {
    let name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    try {
      name = decodeURIComponent(name);
    } catch {
      // It is a name with a percent sign.
    }
    path = /^\d+$/.test(name) ? `${path}[${name}]` : join(path, name);
  }
  return path;
}

/** The schema that checks the payloads of a type: of several patterns that fit, the most specific one's. */
export function schemaFor(known: KnownTypes | undefined, type: string): Json | undefined {
  let best: string | undefined;
  for (const pattern of Object.keys(known?.schemas ?? {})) {
    const fits = pattern === type || pattern === "*" || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)));
    if (fits && (best === undefined || pattern === type || (best !== type && pattern.length > best.length))) best = pattern;
  }
  return best === undefined ? undefined : known!.schemas[best];
}
