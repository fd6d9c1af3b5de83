import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { answer, api } from "../../api/client";
import { ApiError } from "../../api/errors";
import { writeJson } from "../../api/json";
import { useZone } from "../../frame/preferences";
import { duration } from "../../format/duration";
import { text } from "../../text";
import { FormDialog } from "../../ui/dialog";
import { Checkbox, Segmented, Select, TextField } from "../../ui/field";
import { JsonField } from "../../ui/json-field";
import { Callout, Loading } from "../../ui/states";
import { say } from "../../ui/toast";
import { clockNotes, readCron } from "./cron";
import { bodyOf, changeOf, definitionOf, fieldOf, formOf, localZone, type Form, type Kind, type Schedule, type Wrong } from "./definition";
import { NextRuns } from "./parts";
import { usePreview, useWords } from "./queries";

const t = text.schedules.form;
const timing = ["at", "cron", "timezone", "interval", "startAt", "endAt", "maxRuns"] as const;

/** Makes a schedule, or changes one, and shows meanwhile when it would fire. */
export function ScheduleForm({ schedule, onClose, onSaved }: { schedule?: Schedule; onClose: () => void; onSaved: (s: Schedule) => void }) {
  const client = useQueryClient();
  const zone = useZone();
  const [form, setForm] = useState<Form>(() => formOf(schedule, zone));
  const [tried, setTried] = useState(false);
  // What it was when the form was opened: it may change below.
  const [before] = useState(() => schedule && definitionOf(formOf(schedule, zone), zone, schedule).definition);
  const { definition, wrong } = useMemo(() => definitionOf(form, zone, schedule), [form, zone, schedule]);
  const put = (change: Partial<Form>) => setForm((f) => ({ ...f, ...change }));
  const types = useQuery({
    queryKey: ["types", "names"], queryFn: ({ signal }) => answer(api.GET("/api/symphony/types", { signal })), staleTime: 60_000, retry: false,
    placeholderData: keepPreviousData,
  });

  const masked = (["payload", "metadata", "options"] as const).filter((f) => isMasked(form[f]));
  const touched = masked.filter((f) => form[f] !== formOf(schedule, zone)[f]);
  const save = useMutation({
    mutationFn: async () => {
      if (!schedule) {
        return (await answer(api.POST("/api/symphony/schedules", { body: bodyOf(definition) }))).schedule;
      }
      const change = changeOf(before ?? {}, definition);
      if (Object.keys(change).length === 0) return undefined;
      return (await answer(api.PATCH("/api/symphony/schedules/{id}", { params: { path: { id: schedule.id } }, body: change }))).schedule;
    },
    onSuccess: (s) => {
      say(s ? (schedule ? text.schedules.actions.saved : text.schedules.actions.made) : text.schedules.actions.unchanged);
      void client.invalidateQueries({ queryKey: ["schedules"] });
      onClose();
      if (s) onSaved(s);
    },
  });
  const refused = problemsOf(save.error);
  const said: Wrong = tried ? { ...refused.byField, ...wrong } : refused.byField;
  for (const f of touched) said[f] = t.maskedEdit;

  const waits = useLater(wrong.cron || wrong.interval || wrong.at || wrong.startAt || wrong.endAt || wrong.maxRuns ? undefined
    : Object.fromEntries(timing.map((n) => [n, definition[n]]).filter(([, v]) => v !== undefined)));
  const preview = usePreview(waits);
  const timed = problemsOf(preview.error);
  const err = (f: keyof Form) => said[f] ?? timed.byField[f];
  const clock = zone ?? localZone();

  return (
    <FormDialog
      wide title={schedule ? t.edit : t.create} onClose={onClose} submit={schedule ? t.submitEdit : t.submitCreate} busy={save.isPending}
      error={save.error && refused.rest.length + Number(!(save.error instanceof ApiError && save.error.problems.length)) > 0 ? save.error : undefined}
      onSubmit={() => {
        setTried(true);
        if (Object.keys(wrong).length === 0 && touched.length === 0) save.mutate();
      }}
    >
      <div className="grid gap-4 lg:grid-cols-[1fr_22rem]">
        <div className="flex min-w-0 flex-col gap-3">
          <TextField label={t.name} hint={t.nameHint} value={form.name} error={err("name")} maxLength={100} onChange={(e) => put({ name: e.target.value })} />
          <div className="flex flex-col items-start gap-1">
            <span className="text-sm font-medium">{t.kind}</span>
            <Segmented<Kind> label={t.kind} value={form.kind} onChange={(kind) => put({ kind })}
              options={[["cron", text.schedules.kind.cron], ["interval", text.schedules.kind.interval], ["once", text.schedules.kind.once]]} />
          </div>
          {form.kind === "cron" && (
            <div className="grid gap-3 sm:grid-cols-2">
              <TextField label={t.cron} hint={t.cronHint} value={form.cron} error={err("cron")} spellCheck={false} autoComplete="off" className="font-mono" onChange={(e) => put({ cron: e.target.value })} />
              <TextField label={t.timezone} hint={t.timezoneHint} value={form.timezone} error={err("timezone")} list="schedule-zones" placeholder="UTC" spellCheck={false} onChange={(e) => put({ timezone: e.target.value })} />
              <datalist id="schedule-zones">{zones().map((z) => <option key={z} value={z} />)}</datalist>
            </div>
          )}
          {form.kind === "interval" && <TextField label={t.interval} hint={t.intervalHint} value={form.interval} error={err("interval")} onChange={(e) => put({ interval: e.target.value })} />}
          {form.kind === "once" && <TextField label={t.at} hint={t.atHint(clock)} type="datetime-local" value={form.at} error={err("at")} onChange={(e) => put({ at: e.target.value })} />}
          <TextField label={t.type} value={form.type} error={err("type")} required maxLength={255} list="schedule-types" spellCheck={false} onChange={(e) => put({ type: e.target.value })} />
          <datalist id="schedule-types">{types.data?.types.filter((y) => !y.type.includes("*")).map((y) => <option key={y.type} value={y.type} />)}</datalist>
          <JsonField label={t.payload} value={form.payload} error={err("payload")} hint={masked.includes("payload") ? t.masked : undefined} onChange={(payload) => put({ payload })} />
          <details>
            <summary className="min-h-6 cursor-pointer text-sm font-medium">{t.more}</summary>
            <div className="mt-3 flex flex-col gap-3">
              {form.kind !== "once" && (
                <div className="grid gap-3 sm:grid-cols-3">
                  <TextField label={t.start} type="datetime-local" value={form.startAt} error={err("startAt")} onChange={(e) => put({ startAt: e.target.value })} />
                  <TextField label={t.end} type="datetime-local" value={form.endAt} error={err("endAt")} onChange={(e) => put({ endAt: e.target.value })} />
                  <TextField label={t.maxRuns} inputMode="numeric" value={form.maxRuns} error={err("maxRuns")} onChange={(e) => put({ maxRuns: e.target.value })} />
                </div>
              )}
              <TextField label={t.jitter} hint={t.jitterHint} value={form.jitter} error={err("jitter")} onChange={(e) => put({ jitter: e.target.value })} />
              <div className="grid gap-3 sm:grid-cols-2">
                <Select label={t.missed} value={form.missed} options={Object.entries(text.schedules.missed)} onChange={(e) => put({ missed: e.target.value })} />
                <Select label={t.overlap} value={form.overlap} options={Object.entries(text.schedules.overlap)} onChange={(e) => put({ overlap: e.target.value })} />
              </div>
              <div className="grid gap-3 sm:grid-cols-3">
                <TextField label={t.queue} value={form.queue} error={err("queue")} onChange={(e) => put({ queue: e.target.value })} />
                <TextField label={t.priority} hint={t.priorityHint} inputMode="numeric" value={form.priority} error={err("priority")} onChange={(e) => put({ priority: e.target.value })} />
                <TextField label={t.tags} hint={t.tagsHint} value={form.tags} error={err("tags")} onChange={(e) => put({ tags: e.target.value })} />
              </div>
              <JsonField label={t.options} hint={t.optionsHint} value={form.options} error={err("options")} onChange={(options) => put({ options })} />
              <JsonField label={t.metadata} value={form.metadata} error={err("metadata")} onChange={(metadata) => put({ metadata })} />
            </div>
          </details>
          <Checkbox label={t.enabled} checked={form.enabled} onChange={(e) => put({ enabled: e.target.checked })} />
        </div>
        <Preview form={form} preview={preview} timed={timed.rest} />
      </div>
    </FormDialog>
  );
}

type Asked = ReturnType<typeof usePreview>;

/** When it would run, and what its author may not have meant. */
function Preview({ form, preview, timed }: { form: Form; preview: Asked; timed: string[] }) {
  const p = text.schedules.preview;
  const cron = form.kind === "cron" ? form.cron.trim() : undefined;
  const zone = form.timezone.trim() || "UTC";
  const words = useWords(cron);
  const times = preview.data?.nextRuns;
  const never = times?.length === 0 || (preview.error instanceof ApiError && preview.error.problems.some((q) => /never happens/.test(q.message)));
  const gap = times && times.length > 1 ? Math.min(...times.slice(1).map((at, i) => Date.parse(at) - Date.parse(times[i]!))) : undefined;
  const known = zones().includes(zone) || zone === "UTC";
  const notes = useMemo(() => (cron && known ? clockNotes(cron, zone, new Date()) : []), [cron, zone, known]);
  const most = Number(form.maxRuns) || Infinity;
  return (
    <section aria-label={p.title} aria-live="polite" className="flex min-w-0 flex-col gap-2 self-start lg:sticky lg:top-0">
      <h3 className="text-sm font-semibold">{p.title}</h3>
      {words && <p className="foreign">{words} <span className="text-muted">{text.schedules.in(zone)}</span></p>}
      {preview.isPending && preview.fetchStatus === "fetching" && <Loading />}
      {times && times.length > 0 && <div className="card min-w-0"><NextRuns times={times.slice(0, 5)} zone={cron ? zone : undefined} /></div>}
      {times && times.length > 0 && times.length < 6 && most > 0 && <p className="text-xs text-muted">{p.last(times.length)}</p>}
      {never && <Callout tone="danger">{p.never}</Callout>}
      {timed.map((m) => <Callout key={m} tone="danger"><span className="foreign">{m}</span></Callout>)}
      {gap !== undefined && gap <= 1000 && <Callout tone="warn">{p.second}</Callout>}
      {gap !== undefined && gap > 1000 && gap < 60_000 && <Callout tone="warn">{p.often(duration(gap), Math.floor(86_400_000 / gap))}</Callout>}
      {notes.map((n) => (
        <Callout key={n.date + n.kind} tone="warn">
          {n.kind === "skipped" ? p.skipped(n.date, n.time, n.instead, zone) : p.twice(n.date, n.time, zone)}
        </Callout>
      ))}
      {cron && zone !== "UTC" && readCron(cron)?.rhythm && times && <p className="text-xs text-muted">{p.rhythm(zone)}</p>}
      {cron && !known && !timed.length && times && <p className="text-xs text-muted">{p.unknownZone}</p>}
    </section>
  );
}

/** The problems of an answer: those of fields, by their names, and others. */
function problemsOf(error: unknown): { byField: Wrong; rest: string[] } {
  const byField: Wrong = {};
  const rest: string[] = [];
  if (error instanceof ApiError) {
    for (const p of error.problems) {
      const f = fieldOf(p.path);
      if (f) byField[f] = p.path === f || f === "type" ? p.message : `${p.path} ${p.message}`;
      else rest.push(`${p.path} ${p.message}`);
    }
    if (error.problems.length === 0) rest.push(error.message);
  }
  return { byField, rest };
}

/** A value as it was when typing paused. */
function useLater<T>(value: T): T {
  const key = writeJson(value ?? null);
  const [later, setLater] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setLater(value), 250);
    return () => window.clearTimeout(timer);
    // eslint-disable-next-line
  }, [key]);
  return useDeferredValue(later);
}

function isMasked(json: string): boolean {
  return json.includes('"[redacted]"') || /^\s*\{\s*"redacted"\s*:\s*true\s*\}\s*$/.test(json);
}

let known: string[] | undefined;

function zones(): string[] {
  return (known ??= Intl.supportedValuesOf("timeZone"));
}
