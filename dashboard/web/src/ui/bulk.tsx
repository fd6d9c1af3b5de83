import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Ban, Pencil, Redo2, RotateCcw, Trash2, X, type LucideIcon } from "lucide-react";
import { useDeferredValue, useMemo, useState, type ReactNode } from "react";
import { answer, api, type Shape } from "../api/client";
import { parseJson, isObject, writeJson, type Json } from "../api/json";
import {
  bulkPaths, fitting, meansOther, mostIds, narrowed, partsOfFilter, partsOfPicked, type BulkAction, type BulkPart, type BulkTarget, type Picked,
} from "../bulk";
import { filterQuery, isEmptyFilter, printFilter, type Filter } from "../filter";
import { fromInput, zoneName } from "../format/time";
import { useZone } from "../frame/preferences";
import { text } from "../text";
import { Button, IconButton } from "./button";
import { FormDialog } from "./dialog";
import { Select, TextField } from "./field";
import { JsonField } from "./json-field";
import { JsonView } from "./json-view";
import { Callout, ErrorNote } from "./states";
import { say } from "./toast";

const t = text.bulk;

const icons: Record<BulkAction, LucideIcon> = { cancel: Ban, edit: Pencil, delete: Trash2, replay: Redo2, retry: RotateCcw, deleteFailed: Trash2 };

/** A button that opens an action, with how many messages it is for. */
export function BulkButton({ action, n, atLeast, onClick }: { action: BulkAction; n: number; atLeast?: boolean; onClick: () => void }) {
  const Icon = icons[action];
  const kind = action === "delete" || action === "deleteFailed" ? "danger" : "plain";
  return <Button kind={kind} icon={<Icon size={14} aria-hidden />} onClick={onClick}>{t.button(t.name[action], n, atLeast)}</Button>;
}

/** Says how many are selected, offers all that match, and holds the buttons of what can be done. It stays in sight. */
export function SelectionBar({ selected, all, matching, atLeast, onAll, onClear, children }: {
  /** How many were selected by hand. */
  selected: number;
  /** All that match are selected. */
  all: boolean;
  /** How many match, where that is known. */
  matching?: number; atLeast?: boolean; onAll?: () => void; onClear: () => void; children: ReactNode;
}) {
  return (
    <div role="region" aria-label={t.bar} className="card sticky bottom-2 z-20 flex flex-wrap items-center gap-2 border-accent! p-2 shadow-lg max-sm:bottom-16">
      <span role="status" className="px-1 text-sm font-semibold tabular">{all && matching !== undefined ? t.allSelected(matching, atLeast) : t.selected(selected)}</span>
      {!all && onAll && matching !== undefined && matching > selected && (
        <Button kind="quiet" className="text-accent" onClick={onAll}>{t.selectAll(matching, atLeast)}</Button>
      )}
      <span className="flex flex-1 flex-wrap items-center justify-end gap-2">{children}</span>
      <IconButton label={t.clear} icon={<X size={16} aria-hidden />} onClick={onClear} />
    </div>
  );
}

type Answer = { count?: number; atLeast?: boolean; operation?: Shape<"Operation">; examples?: Shape<"PatchExample">[] };

function call(action: BulkAction, body: object, signal?: AbortSignal): Promise<Answer> {
  // The routes differ in members that the body has or has not; their answers are alike.
  return answer(api.POST(bulkPaths[action] as "/api/symphony/messages/cancel", { body, signal })) as Promise<Answer>;
}

/** Asks what exactly to do to many messages, counts them, says what will happen, begins it and goes to the operation's page. */
export function BulkDialog({ action, target, onClose, onDone }: {
  action: BulkAction; target: BulkTarget; onClose: () => void;
  /** Called once it has begun, before the page is left. */
  onDone?: () => void;
}) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const zone = useZone();
  const [now] = useState(() => Date.now()); // "the last hour" ends when the dialog was opened, however long one thinks
  const [rate, setRate] = useState("");
  const [reason, setReason] = useState("");
  const [confirmed, setConfirmed] = useState("");
  const [edit, setEdit] = useState(noEdit);
  const [patchText, setPatchText] = useState("");
  const patch = readPatch(patchText);
  const set = action === "edit" ? changesOf(edit, zone) : {};
  const rateWrong = rate !== "" && !/^([1-9]\d{0,4}|100000)$/.test(rate) ? t.rateBad : undefined;

  const looked = useParts(action, target, now);
  const extra = { ...(action === "edit" && { set }), ...(patch && { patch }) };
  const written = writeJson(extra);
  const body = useDeferredValue(written);
  const parts = looked.parts;
  const incomplete = action === "edit" && (Object.keys(set).length === 0 || wrongWith(edit, zone) !== undefined);
  const preview = useQuery({
    queryKey: ["bulk", action, parts, body, now], enabled: parts !== undefined && parts.length > 0 && !incomplete && patch !== null && body === written, gcTime: 0, staleTime: Infinity, retry: false,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const all = await Promise.all(parts!.map((p) => call(action, { ...p, ...(parseJson(body) as object), dryRun: true }, signal)));
      return {
        counts: all.map((a) => a.count ?? 0), n: all.reduce((n, a) => n + (a.count ?? 0), 0), atLeast: all.some((a) => a.atLeast), examples: all.flatMap((a) => a.examples ?? []).slice(0, 3),
      };
    },
  });
  const n = preview.data?.n;

  const start = useMutation({
    mutationFn: async () => {
      const begun: Shape<"Operation">[] = [];
      try {
        for (const [i, p] of parts!.entries()) {
          if (preview.data && !preview.data.atLeast && preview.data.counts[i] === 0) continue;
          const a = await call(action, {
            ...p, ...extra, ...(rate && { rate: Number(rate) }), ...(action === "cancel" && reason.trim() && { reason: reason.trim() }),
            // It is followed on its page, however few there are.
            ...((action === "retry" || action === "deleteFailed") && { background: true }),
          });
          if (a.operation) begun.push(a.operation);
        }
      } finally {
        for (const key of ["operations", "messages", "failed", "counts", "queues", "status"]) void client.invalidateQueries({ queryKey: [key] });
      }
      return begun;
    },
    onSuccess: (begun) => {
      say(t.started(begun.length));
      onDone?.();
      onClose();
      if (begun.length === 1) void navigate({ to: "/operations/$id", params: { id: begun[0]!.id } });
      else void navigate({ to: "/operations" });
    },
  });

  const everything = "filter" in target && isEmptyFilter({ ...target.filter, status: undefined, transport: undefined });
  const mustType = everything && (action === "delete" || action === "deleteFailed");
  const danger = action === "delete" || action === "deleteFailed" || action === "cancel";
  const refused = incomplete ? wrongWith(edit, zone) ?? t.edit.choose : patch === null ? t.patchBad : rateWrong
    ?? (looked.error || preview.error ? text.shared.failed : n === undefined || preview.isFetching || body !== written ? t.counting : n === 0 ? t.none
      : mustType && confirmed !== t.typeAllWord ? t.typeAll : undefined);
  return (
    <FormDialog
      wide={action === "retry"} dismiss={action === "cancel" ? t.back : undefined} title={t.title[action]} kind={danger ? "danger" : "primary"} onClose={onClose} onSubmit={() => start.mutate()} busy={start.isPending}
      submit={n === undefined || incomplete ? t.name[action] : t.submit[action](n, preview.data?.atLeast)} refused={refused} error={start.error}
    >
      <p>{t.happens[action]}</p>
      <What action={action} target={target} parts={parts} />
      {action === "edit" && <EditFields value={edit} onChange={setEdit} zone={zone} />}
      {action === "cancel" && <TextField label={t.reason} hint={t.reasonHint} value={reason} maxLength={500} onChange={(e) => setReason(e.target.value)} />}
      {action === "retry" && (
        <details>
          <summary className="cursor-pointer text-sm font-medium">{t.patch}</summary>
          <div className="pt-2"><JsonField label={t.patchLabel} hint={t.patchHint} error={patch === null ? t.patchBad : undefined} value={patchText} onChange={setPatchText} /></div>
        </details>
      )}
      <TextField label={t.rate} hint={t.rateHint} error={rateWrong} inputMode="numeric" value={rate} onChange={(e) => setRate(e.target.value.trim())} className="max-w-40" />
      <Count looked={looked} n={incomplete ? undefined : n} atLeast={preview.data?.atLeast} waiting={incomplete} target={target} action={action} />
      {preview.data && preview.data.examples.length > 0 && <Examples list={preview.data.examples} />}
      {(looked.error ?? preview.error) && <ErrorNote error={looked.error ?? preview.error} retry={() => (looked.error ? looked.retry() : void preview.refetch())} />}
      {everything && <Callout tone="warn">{t.everything}</Callout>}
      {mustType && <TextField label={t.typeAll} value={confirmed} autoComplete="off" onChange={(e) => setConfirmed(e.target.value)} />}
      <p className="text-xs text-muted">{t.undo} {action === "retry" || action === "deleteFailed" ? t.laterFailed : t.later}</p>
    </FormDialog>
  );
}

/** Which messages it is about, in words. */
function What({ action, target, parts }: { action: BulkAction; target: BulkTarget; parts: BulkPart[] | undefined }) {
  const transports = [...new Set(parts?.map((p) => p.transport))];
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 rounded-md border border-line bg-sunken p-3 text-sm">
      {"filter" in target ? (
        <><dt className="text-muted">{t.filter}</dt><dd className="font-mono text-xs leading-5 foreign">{printFilter(narrowed(action, target.filter) ?? target.filter) || "–"}</dd></>
      ) : <><dt className="text-muted">{t.by}</dt><dd>{t.selected(target.picked.length)}</dd></>}
      {transports.length > 0 && <><dt className="text-muted">{t.transport}</dt><dd className="foreign">{transports.join(", ")}</dd></>}
    </dl>
  );
}

function Count({ looked, n, atLeast, waiting, target, action }: {
  looked: ReturnType<typeof useParts>; n?: number; atLeast?: boolean; waiting: boolean; target: BulkTarget; action: BulkAction;
}) {
  const left = "picked" in target ? target.picked.length - fitting(action, target.picked).length : 0;
  return (
    <div role="status" className="flex min-h-5 flex-col gap-1">
      {looked.found !== undefined && !looked.parts ? <p className="text-muted">{t.collecting(looked.found)}</p>
        : n === undefined ? !waiting && <p className="text-muted">{t.counting}</p>
        : <p className="font-semibold tabular">{n === 0 ? t.none : t.selects(n, atLeast)}</p>}
      {left > 0 && <p className="text-muted">{t.fewer(left)}</p>}
      {looked.parts && looked.found !== undefined && <p className="text-muted">{looked.more ? t.collectedMost(looked.found) : t.collected(looked.found)}</p>}
    </div>
  );
}

function Examples({ list }: { list: Shape<"PatchExample">[] }) {
  return (
    <section className="flex flex-col gap-2">
      <h3 className="text-sm font-semibold">{t.examples}</h3>
      {list.map((x) => (
        <div key={x.id} className="grid min-w-0 gap-2 sm:grid-cols-2">
          <div className="min-w-0 rounded-md border border-line"><JsonView label={t.before} value={x.before as Json} /></div>
          <div className="min-w-0 rounded-md border border-line">
            {x.after && <JsonView label={t.after} value={x.after as Json} />}
            {x.problems.map((p) => <p key={p.path} className="p-2 text-xs text-danger foreign"><code>{p.path}</code> {p.message}</p>)}
          </div>
        </div>
      ))}
    </section>
  );
}

/** The calls that a target makes: of a filter without a transport for each that there is; see meansOther for the rest. */
function useParts(action: BulkAction, target: BulkTarget, now: number) {
  const filter = "filter" in target ? target.filter : undefined;
  const byId = filter !== undefined && !("failed" in target && target.failed) && meansOther(action, filter);
  const [found, setFound] = useState<number>();
  const transports = useQuery({
    queryKey: ["queues", "transports"], enabled: filter !== undefined && !filter.transport && !byId, staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const names = new Set<string>();
      let cursor: string | undefined;
      do {
        const page = await answer(api.GET("/api/symphony/queues", { params: { query: { limit: 200, cursor } }, signal }));
        for (const q of page.queues) names.add(q.transport);
        cursor = page.pagination.nextCursor;
      } while (cursor);
      return [...names];
    },
  });
  const collected = useQuery({
    queryKey: ["bulk", "collect", action, filter, now], enabled: byId, gcTime: 0, staleTime: Infinity,
    queryFn: ({ signal }) => collect(filter!, now, setFound, signal),
  });
  const parts = useMemo(() => {
    if ("picked" in target) return partsOfPicked(action, target.picked);
    if (byId) return collected.data && partsOfPicked(action, collected.data.picked);
    return (target.filter.transport || transports.data) ? partsOfFilter(action, target.filter, transports.data ?? [], now) : undefined;
  }, [action, target, byId, collected.data, transports.data, now]);
  return {
    parts, found: byId ? found ?? 0 : undefined, more: collected.data?.more ?? false, error: transports.error ?? collected.error,
    retry: () => void (transports.error ? transports.refetch() : collected.refetch()),
  };
}

/** Looks up the dead letters that a filter of messages selects. */
async function collect(filter: Filter, now: number, tell: (n: number) => void, signal: AbortSignal) {
  const picked: Picked[] = [];
  let cursor: string | undefined;
  for (;;) {
    const query = { ...filterQuery({ ...filter, status: ["failed"] }, now), limit: 200, cursor };
    const page = await answer(api.GET("/api/symphony/messages", { params: { query }, signal }));
    for (const m of page.messages) picked.push({ transport: m.transport, id: m.id, status: m.status, failedId: m.failedId });
    tell(Math.min(picked.length, mostIds));
    if (picked.length >= mostIds) return { picked: picked.slice(0, mostIds), more: page.pagination.hasMore || picked.length > mostIds };
    if (!page.pagination.hasMore) return { picked, more: false };
    cursor = page.pagination.nextCursor;
  }
}

/** A patch as it was typed: undefined for none, null for what is none. */
function readPatch(typed: string): { [name: string]: Json } | undefined | null {
  if (typed.trim() === "") return undefined;
  try {
    const v = parseJson(typed);
    return isObject(v) ? v : null;
  } catch {
    return null;
  }
}

type Edit = { priority: string; when: "" | "now" | "at"; at: string; retries: string; tags: string };
const noEdit: Edit = { priority: "", when: "", at: "", retries: "", tags: "" };

function changesOf(e: Edit, zone?: string): Shape<"MessageEdit"> {
  return {
    ...(e.priority && { priority: e.priority === "null" ? null : Number(e.priority) }),
    ...(e.when === "now" && { scheduledAt: null }),
    ...(e.when === "at" && { scheduledAt: fromInput(e.at, zone) }),
    ...(e.retries && { maxRetries: Number(e.retries) }),
    ...(e.tags.trim() && { tags: e.tags.split(",").map((tag) => tag.trim()).filter(Boolean) }),
  };
}

function wrongWith(e: Edit, zone?: string): string | undefined {
  if (e.when === "at" && !(e.at && fromInput(e.at, zone))) return t.edit.timeBad;
  return e.retries !== "" && !/^(\d{1,2}|100)$/.test(e.retries) ? t.edit.retriesBad : undefined;
}

function EditFields({ value, onChange, zone }: { value: Edit; onChange: (e: Edit) => void; zone?: string }) {
  const e = t.edit;
  const put = (part: Partial<Edit>) => onChange({ ...value, ...part });
  return (
    <div className="flex flex-col gap-3">
      <div className="grid gap-3 sm:grid-cols-2">
        <Select label={e.priority} value={value.priority} onChange={(x) => put({ priority: x.target.value })}
          options={[["", e.unchanged], ...Array.from({ length: 10 }, (_, i) => [String(10 - i), String(10 - i)] as const), ["null", e.usual]]} />
        <Select label={e.when} value={value.when} onChange={(x) => put({ when: x.target.value as Edit["when"] })} options={[["", e.unchanged], ["now", e.atOnce], ["at", e.at]]} />
        {value.when === "at" && (
          <TextField label={`${e.time} (${zoneName(zone)})`} type="datetime-local" value={value.at} onChange={(x) => put({ at: x.target.value })} />
        )}
        <TextField label={e.retries} hint={e.retriesHint} inputMode="numeric" value={value.retries} error={value.retries && wrongWith({ ...noEdit, retries: value.retries }) || undefined}
          onChange={(x) => put({ retries: x.target.value.trim() })} />
        <TextField label={e.tags} hint={e.tagsHint} value={value.tags} onChange={(x) => put({ tags: x.target.value })} />
      </div>
      <p className="text-xs text-muted">{e.queue}</p>
    </div>
  );
}

