import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { answer, api, type Shape } from "../../api/client";
import type { Json } from "../../api/json";
import { say } from "../../ui/toast";

export type Group = Shape<"FailureGroup">;
export type Letter = Shape<"FailedMessage">;
export type Which = { group: string; transport: string };

/** What the server says of a group, beside what was decided: none of its messages is left. */
export type Standing = "open" | "regressed" | "ignored" | "resolved" | "cleared";

/** The states by which groups can be narrowed. */
export const groupStates = ["open", "regressed", "ignored", "resolved"] as const;
export type GroupState = (typeof groupStates)[number];

export function standing(g: Group): Standing {
  if (g.state !== "open") return g.state;
  return g.regressed ? "regressed" : g.count === 0 ? "cleared" : "open";
}

export const groupKey = (g: Which) => `${g.transport}/${g.group}`;

const at = (g: Which) => ({ params: { path: { id: g.group }, query: { transport: g.transport } } });

/** Counts what a retry of the group would do, with examples where there is a patch. */
export async function previewRetry(g: Which, patch: { [name: string]: Json } | undefined, signal?: AbortSignal) {
  const got = await answer(api.POST("/api/symphony/failed/groups/{id}/retry", { ...at(g), body: { patch, dryRun: true }, signal }));
  return got as Shape<"GroupPreviewResponse">;
}

async function previewDelete(g: Which, signal?: AbortSignal) {
  const got = await answer(api.POST("/api/symphony/failed/groups/{id}/delete", { ...at(g), body: { dryRun: true }, signal }));
  return got as { count: number };
}

/** How many failed messages the group has now, told by a dry run as the dialog opens. */
export function useGroupCount(g: Which, of: "retry" | "delete") {
  return useQuery({
    queryKey: ["bulk", "group", of, groupKey(g)], gcTime: 0, staleTime: Infinity, retry: false,
    queryFn: async ({ signal }) => (of === "retry" ? previewRetry(g, undefined, signal) : previewDelete(g, signal)),
  });
}

/** Begins an operation on all of a group and goes to its page. */
export function useGroupOperation(g: Which, of: "retry" | "delete", said: string, onDone?: () => void) {
  const changed = useChanged();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: async (body: { patch?: { [name: string]: Json }; rate?: number }) => {
      const got = of === "retry"
        ? await answer(api.POST("/api/symphony/failed/groups/{id}/retry", { ...at(g), body }))
        : await answer(api.POST("/api/symphony/failed/groups/{id}/delete", { ...at(g), body: { rate: body.rate } }));
      return (got as Shape<"OperationResponse">).operation;
    },
    onSuccess: (operation) => {
      changed();
      say(said);
      onDone?.();
      void navigate({ to: "/operations/$id", params: { id: operation.id } });
    },
  });
}

/** Keeps what is decided about a group. */
export function useDecision(g: Which, said: string, onDone: () => void) {
  const changed = useChanged();
  return useMutation({
    mutationFn: (d: { resolve: Shape<"GroupResolveRequest"> } | { ignore: Shape<"GroupIgnoreRequest"> }) =>
      "resolve" in d
        ? answer(api.POST("/api/symphony/failed/groups/{id}/resolve", { ...at(g), body: d.resolve }))
        : answer(api.POST("/api/symphony/failed/groups/{id}/ignore", { ...at(g), body: d.ignore })),
    onSuccess: () => {
      changed();
      say(said);
      onDone();
    },
  });
}

function useChanged() {
  const client = useQueryClient();
  return () => {
    for (const key of ["failed", "operations", "counts", "messages", "queues", "status", "alerts"]) void client.invalidateQueries({ queryKey: [key] });
  };
}
