import { keepPreviousData, queryOptions, useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { answer, api } from "../../api/client";
import { writeJson } from "../../api/json";
import { useRefetch } from "../../live/live";
import type { Status } from "../../ui/status";
import { cronWords } from "./cron";
import type { Schedule } from "./definition";

export type Filters = { state?: Schedule["state"]; source?: Schedule["source"] };
export type Run = NonNullable<Awaited<ReturnType<typeof runsOf>>>["runs"][number];

/** All schedules that fit, newest first, page by page. */
export function useSchedules(filters: Filters) {
  return useInfiniteQuery({
    queryKey: ["schedules", "list", filters],
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/api/symphony/schedules", { params: { query: { ...filters, limit: 200, next: 5, cursor: pageParam } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: useRefetch("by nobody"),
  });
}

export function useSchedule(id: string) {
  return useQuery({
    queryKey: ["schedules", "one", id],
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/schedules/{id}", { params: { path: { id }, query: { next: 5 } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: useRefetch("by nobody"),
  });
}

function runsOf(id: string, limit: number, cursor?: string, signal?: AbortSignal) {
  return answer(api.GET("/api/symphony/schedules/{id}/runs", { params: { path: { id }, query: { limit, cursor } }, signal }));
}

/** Of a row of the list: its last runs, asked for again only when there was another one. */
export function useLastRuns(s: Schedule) {
  return useQuery({
    queryKey: ["schedules", "runs", s.id, s.lastRunAt, s.runCount, s.lastMessages[0]?.id, s.failures],
    queryFn: ({ signal }) => runsOf(s.id, 20, undefined, signal),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });
}

/** The history of a schedule, newest first. */
export function useHistory(id: string) {
  return useInfiniteQuery({
    queryKey: ["schedules", "history", id],
    queryFn: ({ pageParam, signal }) => runsOf(id, 20, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: useRefetch("by nobody"),
  });
}

function messageState(transport: string, id: string, every: number | false) {
  return queryOptions({
    queryKey: ["messages", "state", transport, id],
    queryFn: async ({ signal }) => {
      const { message: m } = await answer(api.GET("/api/symphony/messages/{id}", { params: { path: { id }, query: { transport } }, signal }));
      return m.status;
    },
    staleTime: 2000,
    refetchInterval: (q) => (q.state.data === "pending" || q.state.data === "processing" ? every : false),
  });
}

/** The state of a message of a run: asked for again until it has ended. */
export function useMessageState(transport: string, id: string) {
  return useQuery(messageState(transport, id, useRefetch("by nobody")));
}

/** The states of the messages of runs, by their ids, as far as they are known. */
export function useMessageStates(runs: Run[]): Map<string, Status> {
  const every = useRefetch("by nobody");
  const messages = runs.flatMap((r) => r.messages.slice(0, 1));
  const states = useQueries({ queries: messages.map((m) => messageState(m.transport, m.id, every)) });
  return new Map(messages.flatMap((m, i) => (states[i]?.data ? [[m.id, states[i].data] as const] : [])));
}

/** When an unsaved definition would fire. */
export function usePreview(timing: { [name: string]: unknown } | undefined) {
  return useQuery({
    queryKey: ["schedules", "preview", writeJson(timing ?? null)],
    queryFn: ({ signal }) => answer(api.POST("/api/symphony/schedules/preview", { body: { ...timing, next: 6 }, signal })),
    enabled: timing !== undefined,
    staleTime: 10_000,
    retry: false,
  });
}

/** An expression in words; undefined until they are there, and where there are none. */
export function useWords(cron: string | undefined): string | undefined {
  return useQuery({
    queryKey: ["cron in words", cron], queryFn: async () => (await cronWords(cron ?? "")) ?? null, enabled: !!cron, staleTime: Infinity,
  }).data ?? undefined;
}
