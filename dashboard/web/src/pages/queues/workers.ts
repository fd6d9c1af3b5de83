import { useQuery } from "@tanstack/react-query";
import type { Shape } from "../../api/client";
import { workersQuery } from "../../api/workers";
import { useRefetch } from "../../live/live";

export type WorkerOn = Shape<"NodeWorker"> & { node: string };

/** The processes and their workers, as of their last heartbeats; without data where the server does not tell them. */
export function useWorkers() {
  const refetchInterval = useRefetch("by events", 10_000);
  return useQuery({ ...workersQuery, refetchInterval, retry: false });
}

/** The continuous workers that take messages of any of some queues, running or stopped, each once. */
export function workersOn(nodes: Shape<"Node">[], ...queues: Shape<"TypeQueue">[]): WorkerOn[] {
  return nodes.flatMap((n) => n.workers
    .filter((w) => queues.some((q) => w.transport === q.transport && (!w.queues?.length || w.queues.includes(q.queue))))
    .map((w) => ({ ...w, node: n.name })));
}

/** For how long nobody may ask for messages of a queue before that is worth a word. */
const unaskedAfter = 60_000;

/** Tells since when nobody has asked for messages of a queue that has some ready; undefined where somebody does. */
export function unasked(q: { unaskedSince?: string; oldestPendingAge: number }, now: number): string | undefined {
  return q.unaskedSince && q.oldestPendingAge > 0 && now - Date.parse(q.unaskedSince) > unaskedAfter ? q.unaskedSince : undefined;
}
