/** The parts of an OpenAPI document that the page shows. */
export type Schema = {
  $ref?: string; type?: string | string[]; description?: string; format?: string; enum?: unknown[]; const?: unknown; default?: unknown;
  properties?: Record<string, Schema>; required?: string[] | null; items?: Schema; additionalProperties?: boolean | Schema; oneOf?: Schema[]; anyOf?: Schema[];
  allOf?: Schema[]; minimum?: number; maximum?: number; minLength?: number; maxLength?: number; minItems?: number; maxItems?: number; pattern?: string;
};
export type Parameter = { name: string; in: string; required?: boolean; description?: string; schema: Schema };
export type Content = Record<string, { schema?: Schema; example?: unknown }>;
export type Answer = { $ref?: string; description?: string; content?: Content };
export type Operation = {
  operationId: string; summary?: string; description?: string; tags?: string[]; parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Content }; responses: Record<string, Answer>; security?: Record<string, unknown>[];
};
export type Document = {
  info: { title: string; version: string; description?: string }; tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, Operation>>; components: { schemas?: Record<string, Schema>; responses?: Record<string, Answer> };
};

/** An operation with where it is. */
export type Entry = { id: string; method: string; path: string; tag: string; operation: Operation };

/** All operations, in the order of the document's tags. */
export function entries(doc: Document): Entry[] {
  const all = Object.entries(doc.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => ({
      id: operation.operationId, method: method.toUpperCase(), path, tag: operation.tags?.[0] ?? "", operation,
    })));
  const order = new Map(doc.tags?.map((t, i) => [t.name, i]));
  return all.sort((a, b) => (order.get(a.tag) ?? 1000) - (order.get(b.tag) ?? 1000));
}

/** What a $ref stands for, with what is said beside it. */
export function resolve(doc: Document, schema: Schema): Schema {
  const name = refName(schema);
  const target = name && doc.components.schemas?.[name];
  return target ? { ...target, ...(schema.description ? { description: schema.description } : {}) } : schema;
}

export function resolveAnswer(doc: Document, a: Answer): Answer {
  const name = a.$ref?.replace("#/components/responses/", "");
  return (name && doc.components.responses?.[name]) || a;
}

export function refName(schema: Schema): string | undefined {
  return schema.$ref?.startsWith("#/components/schemas/") ? schema.$ref.slice("#/components/schemas/".length) : undefined;
}

/** The kind of a value in a few words: string (date-time), list of Message, integer or null. */
export function kindOf(schema: Schema): string {
  const named = refName(schema);
  if (named) return named;
  const of = schema.oneOf ?? schema.anyOf;
  if (of) return of.map(kindOf).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const types = Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [];
  const said = types.map((t) => (t === "array" ? `list of ${schema.items ? kindOf(schema.items) : "any"}` : t)).join(" or ") || "any";
  return schema.format ? `${said} (${schema.format})` : said;
}

/** The bounds of a value, such as "1 to 200", "at most 255 characters". */
export function boundsOf(s: Schema): string[] {
  const out: string[] = [];
  const range = (low: number | undefined, high: number | undefined, unit: string) => {
    if (low !== undefined && high !== undefined) out.push(`${low} to ${high}${unit}`);
    else if (low !== undefined) out.push(`at least ${low}${unit}`);
    else if (high !== undefined) out.push(`at most ${high}${unit}`);
  };
  range(s.minimum, s.maximum, "");
  range(s.minLength === 1 && s.maxLength === undefined ? undefined : s.minLength, s.maxLength, " characters");
  range(s.minItems, s.maxItems, " entries");
  if (s.enum) out.push(s.enum.map((v) => (typeof v === "string" ? v : JSON.stringify(v))).join(", "));
  if (s.default !== undefined) out.push(`default ${JSON.stringify(s.default)}`);
  if (s.pattern) out.push(s.pattern);
  return out;
}

/** The scope that an operation needs, as its description says; undefined where it needs none or says none. */
export function scopeOf(o: Operation): string | undefined {
  return /Needs the scope (\w+)\./.exec(o.description ?? "")?.[1];
}

/**
 * The address of a call: the path with its parts, the query with lists repeated, and with the members of an object, which
 * are typed one a line as name=value. missing has the names of parts that are needed and not there.
 */
export function callOf(e: Entry, values: Record<string, string>): { path: string; missing: string[] } {
  const query = new URLSearchParams();
  const missing: string[] = [];
  let path = e.path;
  for (const p of e.operation.parameters ?? []) {
    const value = values[p.name] ?? "";
    if (p.in === "path") {
      if (value === "") missing.push(p.name);
      path = path.replace(`{${p.name}}`, encodeURIComponent(value));
    } else if (p.in === "query") {
      if (value === "") {
        if (p.required) missing.push(p.name);
      } else if (p.schema.type === "array") {
        for (const v of value.split(/[\n,]/)) if (v.trim()) query.append(p.name, v.trim());
      } else if (p.schema.type === "object") {
        for (const line of value.split("\n")) {
          const at = line.indexOf("=");
          if (at > 0) query.append(line.slice(0, at).trim(), line.slice(at + 1).trim());
        }
      } else {
        query.append(p.name, value);
      }
    }
  }
  return { path: query.size > 0 ? `${path}?${query}` : path, missing };
}

/** A call as a command of a shell. */
export function curlOf(method: string, url: string, type?: string, body?: string): string {
  const quoted = (s: string) => `'${s.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${quoted(url)}`, "-H 'Authorization: Bearer YOUR_API_KEY'"];
  if (body !== undefined && body !== "") lines.push(`-H 'Content-Type: ${type ?? "application/json"}'`, `--data-binary ${quoted(body)}`);
  return lines.join(" \\\n  ");
}
