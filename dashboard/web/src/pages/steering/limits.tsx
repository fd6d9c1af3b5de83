import { useMutation } from "@tanstack/react-query";
import { Pencil, Plus, Undo2 } from "lucide-react";
import { useState } from "react";
import { answer, api, type Shape } from "../../api/client";
import { usePermissions } from "../../api/session";
import { parseDuration } from "../../format/duration";
import { count, percent } from "../../format/number";
import { fromInput, toInput, zoneName } from "../../format/time";
import { useZone } from "../../frame/preferences";
import { text } from "../../text";
import { Button, IconButton } from "../../ui/button";
import { FormDialog } from "../../ui/dialog";
import { Select, TextField } from "../../ui/field";
import { Section } from "../../ui/page";
import { Table, type Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { say } from "../../ui/toast";
import { Who } from "../../ui/who";
import { useSteered } from "./holds";
import { configuredText, limitText, limitUse } from "./limit-text";

const t = text.steering.limits;

export type Limit = Shape<"Limit">;

/** What can be limited: a queue, or the types of a pattern. */
export type LimitTarget = { transport: string; queue: string } | { type: string };

function targetOf(l: Limit): LimitTarget {
  return l.kind === "queue" ? { transport: l.transport ?? "", queue: l.queue ?? "" } : { type: l.type ?? "" };
}

function nameOf(target: LimitTarget): string {
  return "queue" in target ? target.queue : target.type;
}

function put(target: LimitTarget, body: Shape<"LimitRequest">) {
  return "queue" in target
    ? answer(api.PUT("/api/symphony/limits/queue/{transport}/{id}", { params: { path: { transport: target.transport, id: target.queue } }, body }))
    : answer(api.PUT("/api/symphony/limits/type/{id}", { params: { path: { id: target.type } }, body }));
}

function remove(target: LimitTarget) {
  return "queue" in target
    ? answer(api.DELETE("/api/symphony/limits/queue/{transport}/{id}", { params: { path: { transport: target.transport, id: target.queue } } }))
    : answer(api.DELETE("/api/symphony/limits/type/{id}", { params: { path: { id: target.type } } }));
}

/** The limits of a row with their use, which is more than some columns have room for. */
export function LimitsUse({ limits }: { limits: Limit[] }) {
  const words = limits.map(limitUse).join("; ");
  return <span title={words}>{words}</span>;
}

/** The limits that apply, what is configured beside what was set, with their use; and what changes them. */
export function LimitsSection({ limits, own }: { limits: Limit[]; own: LimitTarget }) {
  const { may } = usePermissions();
  const [editing, setEditing] = useState<LimitTarget>();
  const [removing, setRemoving] = useState<Limit>();
  const ofOwn = limits.find((l) => nameOf(targetOf(l)) === nameOf(own));
  const columns: Column<Limit>[] = [
    { id: "of", name: t.of, phone: "title", width: "minmax(7rem,1fr)", cell: (l) => <span className="foreign" title={nameOf(targetOf(l))}>{nameOf(targetOf(l))}</span> },
    { id: "configured", name: t.configured, width: "minmax(8rem,1fr)", cell: configuredText },
    {
      id: "set", name: t.atRunTime, width: "minmax(10rem,1.5fr)",
      cell: (l) => l.set ? <>{limitText(l.set)}{l.set.until && <span className="text-muted"> · {t.until.toLowerCase()} <Time at={l.set.until} ahead /></span>}{l.set.by && <span className="text-muted"> <Who id={l.set.by} say={t.setBy} /></span>}</> : <span className="text-muted">{text.shared.nothing}</span>,
    },
    { id: "now", name: t.now, width: "minmax(8rem,1fr)", cell: (l) => limitText(l.now) },
    { id: "running", name: t.running, align: "right", width: "5.5rem", cell: (l) => (l.now.concurrency ? `${count(l.running)} / ${count(l.now.concurrency)}` : count(l.running)) },
    { id: "waiting", name: t.waiting, align: "right", width: "5.5rem", cell: (l) => count(l.waiting) },
    { id: "tokens", name: t.tokens, align: "right", width: "7.5rem", cell: (l) => (l.tokens === undefined ? text.shared.nothing : count(l.tokens)) },
  ];
  if (may("operate")) {
    columns.push({
      id: "do", name: "", label: t.edit, width: "5.5rem",
      cell: (l) => {
        const back = l.configured || l.perKey ? t.remove : t.removeBare;
        return (
          <span className="flex justify-end">
            <IconButton label={`${t.edit}: ${nameOf(targetOf(l))}`} icon={<Pencil size={14} aria-hidden />} onClick={() => setEditing(targetOf(l))} />
            {(l.set || l.pressure) && <IconButton label={`${back}: ${nameOf(targetOf(l))}`} icon={<Undo2 size={14} aria-hidden />} onClick={() => setRemoving(l)} />}
          </span>
        );
      },
    });
  }
  const pressed = limits.filter((l) => l.pressure);
  return (
    <Section title={t.title} actions={may("operate") && !ofOwn && <Button icon={<Plus size={14} aria-hidden />} onClick={() => setEditing(own)}>{t.set}</Button>}>
      {limits.length === 0 ? <p className="p-4 text-sm text-muted">{t.none}</p> : <Table label={t.title} columns={columns} rows={limits} rowKey={(l) => `${l.kind} ${nameOf(targetOf(l))}`} />}
      {pressed.map((l) => (
        <p key={nameOf(targetOf(l))} className="border-t border-line p-3 text-sm text-warn foreign">
          {t.pressure}: {l.pressure?.until && <>{t.pressureUntil} <Time at={l.pressure.until} ahead />, </>}{t.pressureFrom(percent(l.pressure?.factor ?? 1))}. {l.pressure?.from}
        </p>
      ))}
      {editing && <LimitDialog target={editing} limit={limits.find((l) => nameOf(targetOf(l)) === nameOf(editing))} onClose={() => setEditing(undefined)} />}
      {removing && <RemoveDialog limit={removing} onClose={() => setRemoving(undefined)} />}
    </Section>
  );
}

/** Reads a whole number of at least 1; undefined for an empty text, null for what is none. */
function wholeNumber(value: string): number | undefined | null {
  const v = value.trim();
  if (v === "") return undefined;
  return /^[1-9]\d{0,8}$/.test(v) ? Number(v) : null;
}

function LimitDialog({ target, limit, onClose }: { target: LimitTarget; limit?: Limit; onClose: () => void }) {
  const zone = useZone();
  const steered = useSteered();
  const before = limit?.set ?? limit?.configured;
  const [concurrency, setConcurrency] = useState(String(before?.concurrency ?? ""));
  const [rate, setRate] = useState(before?.rate ?? "");
  const [burst, setBurst] = useState(String(before?.burst ?? ""));
  const [length, setLength] = useState(limit?.set?.until ? "at" : "");
  const [at, setAt] = useState(limit?.set?.until ? toInput(limit.set.until, zone) : "");
  const until = length === "at" ? fromInput(at, zone) : length ? new Date(Date.now() + (parseDuration(length) ?? 0)).toISOString() : undefined;
  const [c, b] = [wholeNumber(concurrency), wholeNumber(burst)];
  const h = text.steering.hold;
  const wrong = c === null || b === null ? t.whole : length !== "at" ? undefined : !until ? h.noTime : Date.parse(until) <= Date.now() ? h.past : undefined;
  const save = useMutation({
    mutationFn: () => put(target, { concurrency: c ?? undefined, rate: rate.trim() || undefined, burst: b ?? undefined, until }),
    onSuccess: () => {
      steered();
      say(t.saved);
      onClose();
    },
  });
  return (
    <FormDialog title={t.title_(nameOf(target))} onClose={onClose} submit={t.save} busy={save.isPending} error={save.error} refused={wrong} onSubmit={() => save.mutate()}>
      <p>{t.what(limit ? configuredText(limit) : t.nothing)}</p>
      <TextField label={t.value.concurrency} hint={t.concurrencyHint} error={c === null ? t.whole : undefined} inputMode="numeric" autoFocus value={concurrency} onChange={(e) => setConcurrency(e.target.value)} />
      <TextField label={t.value.rate} hint={t.rateHint} value={rate} spellCheck={false} onChange={(e) => setRate(e.target.value)} />
      <TextField label={t.value.burst} hint={t.burstHint} error={b === null ? t.whole : undefined} inputMode="numeric" value={burst} onChange={(e) => setBurst(e.target.value)} />
      <Select label={h.until} value={length} onChange={(e) => setLength(e.target.value)} options={t.untilOptions as [string, string][]} />
      {length === "at" && <TextField label={h.at} hint={h.zone(zoneName(zone))} error={at && c !== null && b !== null ? wrong : undefined} type="datetime-local" value={at} onChange={(e) => setAt(e.target.value)} />}
    </FormDialog>
  );
}

function RemoveDialog({ limit, onClose }: { limit: Limit; onClose: () => void }) {
  const steered = useSteered();
  const target = targetOf(limit);
  const take = useMutation({
    mutationFn: () => remove(target),
    onSuccess: () => {
      steered();
      say(t.removed);
      onClose();
    },
  });
  return (
    <FormDialog title={t.removeTitle(nameOf(target))} onClose={onClose} submit={limit.configured || limit.perKey ? t.remove : t.removeBare} busy={take.isPending} error={take.error} onSubmit={() => take.mutate()}>
      <p>{t.removeWhat(configuredText(limit))}</p>
    </FormDialog>
  );
}
