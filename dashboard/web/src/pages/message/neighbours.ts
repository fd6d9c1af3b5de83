import { queryOptions } from "@tanstack/react-query";
import { address } from "../../api/client";
import { errorOf } from "../../api/errors";
import { isObject, parseJson } from "../../api/json";
import { parseDuration } from "../../format/duration";
import { many, one, parseSearch } from "../../search";

const selecting = [
  "transport", "queue", "status", "type", "priority", "q", "tag", "idempotencyKey", "correlationId", "causationId", "groupKey",
  "concurrencyKey", "errorClass", "failureGroup", "dispatchedBy", "worker",
];
const times = ["since", "until", "endedSince", "endedUntil"];

/** The parameters by which the API lists what a list page has shown, of the query of that page's address. */
export function listParameters(list: string, now: number): URLSearchParams {
  const search = parseSearch(list);
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (selecting.includes(name) || name.startsWith("metadata.")) many(value).forEach((v) => params.append(name, v));
    if (!times.includes(name)) continue;
    const at = one(value) ?? "";
    const ago = parseDuration(at);
    params.append(name, ago === undefined ? at : new Date(now - ago).toISOString());
  }
  return params;
}

/** The order of a list: what its page's address says, else the newest first. */
export function listOrder(list: string): "createdAt" | "-createdAt" {
  return one(parseSearch(list).sort) === "createdAt" ? "createdAt" : "-createdAt";
}

export type Neighbour = { id: string; transport: string };

/** The message before or behind one in the list that it was opened from. Lists go by ids, and so do their cursors. */
export const neighbourQuery = (id: string, list: string, side: "previous" | "next") => queryOptions({
  queryKey: ["messages", "neighbour", id, list, side],
  queryFn: async ({ signal }): Promise<Neighbour | null> => {
    const params = listParameters(list, Date.now());
    const newest = listOrder(list) === "-createdAt";
    params.set("sort", newest === (side === "next") ? "-createdAt" : "createdAt");
    params.set("limit", "1");
    params.set("cursor", id);
    const response = await fetch(address(`/api/symphony/messages?${params}`), { signal, credentials: "same-origin" });
    const body = parseJson(await response.text());
    if (!response.ok) throw errorOf(response, body);
    const [found] = isObject(body) && Array.isArray(body.messages) ? body.messages : [];
    return isObject(found) ? { id: String(found.id), transport: String(found.transport) } : null;
  },
  staleTime: 10_000,
});
