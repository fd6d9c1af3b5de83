import { queryOptions } from "@tanstack/react-query";
import { answer, api, type Shape } from "./client";

// Lists that are ordered by names have pages of at most this many rows.
const page = 200;
// What is beyond so many pages is found by its name only.
const pages = 25;

type Paged = { pagination: { hasMore: boolean; nextCursor?: string } };

/** Reads the pages of a list until its end. more says that there is more than is read. */
async function all<Page extends Paged, Row>(read: (cursor?: string) => Promise<Page>, rows: (page: Page) => Row[]): Promise<{ rows: Row[]; more: boolean; last: Page }> {
  const list: Row[] = [];
  let last = await read();
  list.push(...rows(last));
  for (let n = 1; last.pagination.hasMore && n < pages; n++) {
    last = await read(last.pagination.nextCursor);
    list.push(...rows(last));
  }
  return { rows: list, more: last.pagination.hasMore, last };
}

export type QueueRow = Shape<"QueueInfo">;
export type TypeRow = Shape<"TypeInfo">;

/** All queues, with what they have, what stops and limits them, and the figures of the last hour. */
export const queuesQuery = queryOptions({
  queryKey: ["queues", "all"],
  queryFn: ({ signal }) => all(
    (cursor) => answer(api.GET("/api/symphony/queues", { params: { query: { limit: page, cursor } }, signal })), (p) => p.queues,
  ),
});

/** All types and patterns, with their handlers, what stops and limits them, and the figures of the last hour. */
export const typesQuery = queryOptions({
  queryKey: ["types", "all"], queryFn: ({ signal }) => allTypes(signal),
});

/** The same, and how many messages of each type wait and are in hand. */
export const countedTypesQuery = queryOptions({
  queryKey: ["types", "counted"], queryFn: ({ signal }) => allTypes(signal, true),
});

const allTypes = (signal: AbortSignal, counts?: boolean) => all(
  (cursor) => answer(api.GET("/api/symphony/types", { params: { query: { limit: page, cursor, counts } }, signal })), (p) => p.types,
);
