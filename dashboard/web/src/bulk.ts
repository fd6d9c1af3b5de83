import { filterBody, isEmptyFilter, type Filter } from "./filter";
import type { Shape } from "./api/client";

/** What can be done to many messages. retry and deleteFailed are about dead letters. */
export const bulkActions = ["cancel", "edit", "delete", "replay", "retry", "deleteFailed"] as const;
export type BulkAction = (typeof bulkActions)[number];

type Status = NonNullable<Filter["status"]>[number];

/** The statuses of messages that an action is for. */
export const bulkStatuses: Record<BulkAction, readonly Status[]> = {
  cancel: ["pending", "processing"], edit: ["pending"], delete: ["pending"], replay: ["completed"], retry: ["failed"], deleteFailed: ["failed"],
};

/** The routes that do it. */
export const bulkPaths = {
  cancel: "/api/symphony/messages/cancel", edit: "/api/symphony/messages/edit", delete: "/api/symphony/messages/delete",
  replay: "/api/symphony/messages/replay", retry: "/api/symphony/failed/retry", deleteFailed: "/api/symphony/failed/delete",
} as const;

/** A message that was selected on a page. */
export type Picked = { transport: string; id: string; status: Status; failedId?: string };

/** What is to be done to which messages: those that were picked, or all that a filter selects. */
export type BulkTarget =
  | { picked: readonly Picked[] }
  | {
    filter: Filter;
    /** The filter is that of dead letters, whose times and text mean other things. */
    failed?: boolean;
  };

/** One call of a route: without what only some actions have. */
export type BulkPart = { transport: string; ids?: string[]; filter?: Shape<"MessageFilter">; all?: boolean };

/** The most ids that one call takes. */
export const mostIds = 10_000;

/** Which of the messages that were picked an action is for. */
export function fitting(action: BulkAction, picked: readonly Picked[]): Picked[] {
  return picked.filter((p) => bulkStatuses[action].includes(p.status));
}

/** The filter of an action, by status: undefined where it is for none that the filter selects. */
export function narrowed(action: BulkAction, filter: Filter): Filter | undefined {
  const status = bulkStatuses[action].filter((s) => !filter.status || filter.status.includes(s));
  return status.length === 0 ? undefined : { ...filter, status };
}

/**
 * Tells whether dead letters are selected otherwise by a filter of messages than these are: by time they are found by
 * that of their failure, and text is looked for in their errors. Then they must be asked for by their ids.
 */
export function meansOther(action: BulkAction, filter: Filter): boolean {
  return (action === "retry" || action === "deleteFailed") && !!(filter.since || filter.until || filter.q);
}

/** The calls that do an action to messages that were picked: by transport, and no more ids than one call takes. */
export function partsOfPicked(action: BulkAction, picked: readonly Picked[]): BulkPart[] {
  const by = new Map<string, string[]>();
  for (const p of fitting(action, picked)) {
    const ids = by.get(p.transport) ?? [];
    ids.push(bulkStatuses[action][0] === "failed" ? p.failedId ?? p.id : p.id);
    by.set(p.transport, ids);
  }
  const parts: BulkPart[] = [];
  for (const [transport, ids] of by) {
    for (let at = 0; at < ids.length; at += mostIds) parts.push({ transport, ids: ids.slice(at, at + mostIds) });
  }
  return parts;
}

/** The calls that do an action to all that a filter selects, one for each transport. now is in milliseconds. */
export function partsOfFilter(action: BulkAction, filter: Filter, transports: readonly string[], now: number): BulkPart[] {
  const asked = narrowed(action, filter);
  if (!asked) return [];
  // The status that an action means need not be given; where it is all of them, the filter may be empty.
  if (asked.status?.length === bulkStatuses[action].length) delete asked.status;
  const { transport: only, ...rest } = asked;
  const all = isEmptyFilter(rest) && (action === "delete" || action === "deleteFailed");
  return (only ? [only] : transports).map((transport) => ({ transport, filter: filterBody(rest, now), ...(all && { all }) }));
}
