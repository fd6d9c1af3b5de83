import { useInfiniteQuery, useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { answer, api, type Shape } from "../../api/client";
import { ApiError } from "../../api/errors";
import { filterQuery, printFilter, type Filter } from "../../filter";
import { useLive, useRefetch } from "../../live/live";

export type Row = Shape<"StoredMessage"> & {
  /** It was on the page, and is not there any more: deleted, retried, or past its retention. */
  gone?: boolean;
};
export type Order = "-createdAt" | "createdAt";

type Step = { cursor?: string; now?: number };
type Page = { rows: Row[]; hasMore: boolean; next?: string; through?: string; now: number };
type Data = InfiniteData<Page, Step>;

const pageSize = 50;
// How many searches go on by themselves without having found anything, before somebody is asked.
const mostSteps = 20;
const mostSingly = 8;

export function rowKey(m: { transport: string; id: string }): string {
  return `${m.transport}/${m.id}`;
}

async function getPage(filter: Filter, order: Order, step: Step, limit: number, signal?: AbortSignal): Promise<Page> {
  const now = step.now ?? Date.now();
  const query = { ...filterQuery(filter, now), sort: order, limit, cursor: step.cursor };
  const { messages, pagination } = await answer(api.GET("/api/symphony/messages", { params: { query }, signal }));
  return { rows: messages, hasMore: pagination.hasMore, next: pagination.nextCursor, through: pagination.through, now };
}

/**
 * A list of messages that loads as far as somebody looks. What is new since waits until it is asked for; rows in sight
 * are kept up to date in their place.
 */
export function useMessageList(filter: Filter, order: Order) {
  const client = useQueryClient();
  const written = printFilter(filter);
  const key = useMemo(() => ["message-list", written, order], [written, order]);
  const list = useInfiniteQuery<Page, Error, Data, readonly unknown[], Step>({
    queryKey: key, staleTime: Infinity, initialPageParam: {},
    queryFn: ({ pageParam, signal }) => getPage(filter, order, pageParam, pageSize, signal),
    getNextPageParam: (last) => (last.hasMore && last.next ? { cursor: last.next, now: last.now } : undefined),
  });
  const pages = list.data?.pages;
  const rows = useMemo(() => {
    // A message that changes between two pages may be on both.
    const seen = new Set<string>();
    return (pages ?? []).flatMap((p) => p.rows).filter((r) => !seen.has(rowKey(r)) && seen.add(rowKey(r)));
  }, [pages]);
  const last = pages?.at(-1);
  const walking = last !== undefined && last.hasMore && last.rows.length < pageSize;

  const [steps, setSteps] = useState(0); // searches that a walk has made by itself; 0: it stands
  const stop = useRef(false);
  const { fetchNextPage, isFetchingNextPage, hasNextPage } = list;
  const goOn = useCallback(async () => {
    stop.current = false;
    for (let i = 1; i <= mostSteps && !stop.current; i++) {
      setSteps(i);
      const { data, isError } = await fetchNextPage();
      const page = data?.pages.at(-1);
      if (isError || !page?.hasMore || page.rows.length > 0) break;
    }
    setSteps(0);
  }, [fetchNextPage]);
  useEffect(() => () => {
    stop.current = true;
  }, [key]);

  const range = useRef<[number, number]>([0, 0]);
  const [seen, setSeen] = useState(0); // changes with the range, when scrolling rests
  const resting = useRef<number>(undefined);
  useEffect(() => () => window.clearTimeout(resting.current), []);
  const onRange = useCallback((first: number, to: number) => {
    range.current = [first, to];
    window.clearTimeout(resting.current);
    resting.current = window.setTimeout(() => setSeen(first), 400);
    if (to >= rows.length - 15 && hasNextPage && !isFetchingNextPage && !walking && steps === 0) void fetchNextPage();
  }, [rows.length, hasNextPage, isFetchingNextPage, walking, steps, fetchNextPage]);

  useUpdates(key, filter, order, rows, range, seen);
  const fresh = useNew(filter, order, written, list.data, rows);

  const reset = useCallback(() => client.resetQueries({ queryKey: key, exact: true }), [client, key]);
  return {
    rows, list, walking, through: last?.through, steps, goOn, stop: () => (stop.current = true), onRange, fresh, reset, complete: last !== undefined && !last.hasMore,
  };
}

/** Looks again at the rows in sight that may change, and puts what has become of them in their place. */
function useUpdates(key: readonly unknown[], filter: Filter, order: Order, rows: Row[], range: { current: [number, number] }, seen: number) {
  const client = useQueryClient();
  const every = useRefetch("by nobody", 4000);
  const latest = useRef(rows);
  useEffect(() => {
    latest.current = rows;
  });
  useQuery({
    queryKey: ["messages", "in sight", ...key, seen], refetchInterval: every, gcTime: 0, staleTime: 0, enabled: rows.length > 0,
    queryFn: async ({ signal }) => {
      const [first, last] = range.current;
      const shown = latest.current.slice(first, last + 1).filter((r) => !r.gone && r.status !== "completed" && r.status !== "cancelled");
      const found = new Map<string, Row>();
      let singly = shown;
      if (shown.length > mostSingly) {
        const data = client.getQueryData<Data>(key);
        const keys = new Set(shown.map(rowKey));
        const again = data?.pages.flatMap((p, i) => (p.rows.some((r) => keys.has(rowKey(r))) ? [i] : [])) ?? [];
        for (const i of again) {
          const page = data!.pages[i]!;
          // A page that took a long search is not made again each few seconds.
          if (page.hasMore && page.rows.length < pageSize) continue;
          const read = await getPage(filter, order, { ...data!.pageParams[i], now: page.now }, pageSize, signal);
          for (const r of read.rows) found.set(rowKey(r), r);
        }
        singly = shown.filter((r) => !found.has(rowKey(r)));
      }
      await Promise.all(singly.slice(0, mostSingly).map(async (r) => {
        const now = await getRow(r, signal);
        found.set(rowKey(r), now);
      }));
      client.setQueryData<Data>(key, (data) => {
        if (!data) return data;
        let changed = false;
        const pages = data.pages.map((p) => {
          const next = p.rows.map((r) => {
            const n = found.get(rowKey(r));
            return n && !sameRow(r, n) ? n : r;
          });
          if (next.every((r, i) => r === p.rows[i])) return p;
          changed = true;
          return { ...p, rows: next };
        });
        return changed ? { ...data, pages } : data;
      });
      return null;
    },
  });
}

async function getRow(r: Row, signal: AbortSignal): Promise<Row> {
  try {
    const { message } = await answer(api.GET("/api/symphony/messages/{id}", { params: { path: { id: r.id }, query: { transport: r.transport } }, signal }));
    return message;
  } catch (e) {
    if (e instanceof ApiError && e.status === 404) return { ...r, gone: true };
    throw e;
  }
}

function sameRow(a: Row, b: Row): boolean {
  return a.status === b.status && a.attempt === b.attempt && a.availableAt === b.availableAt && a.finishedAt === b.finishedAt && a.startedAt === b.startedAt &&
    a.priority === b.priority && a.gone === b.gone && a.scheduledAt === b.scheduledAt && !a.cancel === !b.cancel && a.tags?.join() === b.tags?.join();
}

/** How many messages have come that are not in a list yet; more says that there are at least so many. */
function useNew(filter: Filter, order: Order, written: string, data: Data | undefined, rows: Row[]): { n: number; more: boolean } {
  const every = useRefetch("by nobody", 3000);
  const { state } = useLive();
  const first = data?.pages[0];
  const newest = rows[0]?.id;
  const q = useQuery({
    queryKey: ["messages", "new", written, first?.now, newest], enabled: order === "-createdAt" && first !== undefined && state !== "paused", refetchInterval: every, gcTime: 0,
    staleTime: 0, refetchOnMount: false,
    queryFn: async ({ signal }) => {
      // Where a search is long, only what was dispatched since is looked for: that is found by an index.
      const long = first!.hasMore && first!.rows.length < pageSize;
      const since = new Date(Date.parse(rows[0]?.createdAt ?? "") || first!.now).toISOString();
      const page = await getPage(long ? { ...filter, since } : filter, order, {}, pageSize, signal);
      const known = new Set(rows.map(rowKey));
      const oldest = data!.pages.at(-1)!.hasMore ? rows.at(-1)?.id : undefined;
      const found = page.rows.filter((r) => !known.has(rowKey(r)) && (oldest === undefined || r.id > oldest));
      return { n: found.length, more: found.length === pageSize };
    },
  });
  return q.data ?? { n: 0, more: false };
}
