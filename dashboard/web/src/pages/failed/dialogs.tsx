import { useState } from "react";
import { fromInput, toInput, zoneName } from "../../format/time";
import { useZone } from "../../frame/preferences";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { FormDialog } from "../../ui/dialog";
import { Segmented, TextArea, TextField } from "../../ui/field";
import { ErrorNote } from "../../ui/states";
import { useDecision, useGroupCount, useGroupOperation, type Group } from "./calls";
import { gist } from "./state";

const t = text.failed;

export type GroupAction = "retry" | "delete" | "ignore" | "resolve";

/** The dialog of an action on a group. */
export function GroupDialog({ action, group, onClose }: { action: GroupAction; group: Group; onClose: () => void }) {
  switch (action) {
    case "retry": return <OperationDialog of="retry" group={group} onClose={onClose} />;
    case "delete": return <OperationDialog of="delete" group={group} onClose={onClose} />;
    case "ignore": return <IgnoreDialog group={group} onClose={onClose} />;
    case "resolve": return <ResolveDialog group={group} onClose={onClose} />;
  }
}

/** Which group it is about. */
function About({ group }: { group: Group }) {
  return (
    <div className="rounded-md border border-line bg-sunken p-3">
      <p className="line-clamp-3 font-medium foreign">{gist(group.sample) || group.errorClass}</p>
      <p className="text-xs text-muted foreign">{group.type} · {group.errorClass} · {group.transport}</p>
    </div>
  );
}

/** Tells what is wrong with a rate as it was typed; none is fine. */
export function wrongRate(rate: string): string | undefined {
  return rate === "" || /^([1-9]\d{0,4}|100000)$/.test(rate) ? undefined : text.bulk.rateBad;
}

/** Messages a second, or nothing. */
export function RateField({ value, onChange }: { value: string; onChange: (rate: string) => void }) {
  return (
    <TextField label={text.bulk.rate} hint={text.bulk.rateHint} error={wrongRate(value)} inputMode="numeric" value={value}
      onChange={(e) => onChange(e.target.value.trim())} className="max-w-40" />
  );
}

function OperationDialog({ of, group, onClose }: { of: "retry" | "delete"; group: Group; onClose: () => void }) {
  const words = of === "retry" ? t.retry : t.remove;
  const [rate, setRate] = useState("");
  const counted = useGroupCount(group, of);
  const begin = useGroupOperation(group, of, words.done, onClose);
  const n = counted.data?.count;
  return (
    <FormDialog
      title={words.title} onClose={onClose} kind={of === "delete" ? "danger" : "primary"} busy={begin.isPending} error={begin.error}
      onSubmit={() => begin.mutate(rate ? { rate: Number(rate) } : {})} submit={words.submit(n ?? group.count)}
      refused={wrongRate(rate) ?? (counted.error ? text.shared.failed : n === undefined ? t.counting : n === 0 ? t.retry.none : undefined)}
    >
      <About group={group} />
      <p>{words.happens}</p>
      <RateField value={rate} onChange={setRate} />
      {counted.error ? <ErrorNote error={counted.error} retry={() => void counted.refetch()} />
        : <p role="status" className="font-semibold tabular">{n === undefined ? t.counting : n === 0 ? t.retry.none : t.counted(n)}</p>}
      <p className="text-xs text-muted">{t.retry.later}</p>
    </FormDialog>
  );
}

/** Tells what is wrong with a note; its bound is in bytes. */
function wrongNote(note: string): string | undefined {
  return new TextEncoder().encode(note).length > 1000 ? t.noteLong : undefined;
}

function Note({ value, onChange }: { value: string; onChange: (note: string) => void }) {
  return <TextArea label={t.note} hint={t.noteHint} error={wrongNote(value)} rows={3} value={value} onChange={(e) => onChange(e.target.value)} />;
}

const presets = [["h1", 3_600_000], ["h8", 8 * 3_600_000], ["d1", 86_400_000], ["d7", 7 * 86_400_000]] as const;

function IgnoreDialog({ group, onClose }: { group: Group; onClose: () => void }) {
  const zone = useZone();
  const [how, setHow] = useState<"time" | "count" | "further">("time");
  const [at, setAt] = useState(() => toInput(new Date(Date.now() + 86_400_000), zone));
  const [after, setAfter] = useState("100");
  const [note, setNote] = useState(group.note);
  const decide = useDecision(group, t.ignore.done, onClose);
  const until = fromInput(at, zone);
  const wrongAt = how === "time" && (!until || Date.parse(until) <= Date.now()) ? t.ignore.atBad : undefined;
  const wrongAfter = how === "count" && !/^([1-9]\d{0,5}|1000000)$/.test(after) ? t.ignore.afterBad : undefined;
  return (
    <FormDialog
      title={t.ignore.title} onClose={onClose} submit={t.ignore.submit} busy={decide.isPending} error={decide.error} refused={wrongAt ?? wrongAfter ?? wrongNote(note)}
      onSubmit={() => decide.mutate({ ignore: { ...(how === "time" && { until }), ...(how === "count" && { count: Number(after) }), ...(note && { note }) } })}
    >
      <About group={group} />
      <p>{t.ignore.happens}</p>
      <div><Segmented label={t.ignore.how} value={how} onChange={setHow} options={[["time", t.ignore.time], ["count", t.ignore.count], ["further", t.ignore.further]]} /></div>
      {how === "time" && (
        <>
          <div className="flex flex-wrap gap-2">
            {presets.map(([name, ms]) => <Button key={name} onClick={() => setAt(toInput(new Date(Date.now() + ms), zone))}>{t.ignore.presets[name]}</Button>)}
          </div>
          <TextField label={`${t.ignore.at} (${zoneName(zone)})`} type="datetime-local" value={at} error={wrongAt} onChange={(e) => setAt(e.target.value)} className="max-w-60" />
        </>
      )}
      {how === "count" && (
        <TextField label={t.ignore.after} hint={t.ignore.afterHint} inputMode="numeric" value={after} error={wrongAfter} onChange={(e) => setAfter(e.target.value.trim())} className="max-w-40" />
      )}
      <Note value={note} onChange={setNote} />
    </FormDialog>
  );
}

function ResolveDialog({ group, onClose }: { group: Group; onClose: () => void }) {
  const [note, setNote] = useState(group.note);
  const decide = useDecision(group, t.resolve.done, onClose);
  return (
    <FormDialog title={t.resolve.title} onClose={onClose} submit={t.resolve.submit} busy={decide.isPending} error={decide.error} refused={wrongNote(note)}
      onSubmit={() => decide.mutate({ resolve: note ? { note } : {} })}>
      <About group={group} />
      <p>{t.resolve.happens}</p>
      <Note value={note} onChange={setNote} />
    </FormDialog>
  );
}
