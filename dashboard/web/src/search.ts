/** What stands behind the ? of an address: every value is a text, or several. */
export type Search = Record<string, string | string[] | undefined>;

/** Reads a query: a parameter that is repeated is a list. */
export function parseSearch(query: string): Search {
  const params = new URLSearchParams(query);
  const out: Search = {};
  for (const name of new Set(params.keys())) {
    const all = params.getAll(name);
    out[name] = all.length > 1 ? all : all[0];
  }
  return out;
}

/** Writes a query, in the order of the members. Empty ones are left out. */
export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v !== undefined && v !== null && v !== "") params.append(name, String(v));
    }
  }
  const query = params.toString();
  return query ? `?${query}` : "";
}

/** The one value of a parameter; of several the first. */
export function one(v: string | string[] | undefined): string | undefined {
  return Array.isArray(v) ? v[0] : v;
}

/** All values of a parameter. */
export function many(v: string | string[] | undefined): string[] {
  return v === undefined ? [] : Array.isArray(v) ? v : [v];
}
