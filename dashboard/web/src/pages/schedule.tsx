import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { CirclePause, CirclePlay, Pencil, Play, SkipForward, Trash2 } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { ApiError } from "../api/errors";
import { isObject, type Json } from "../api/json";
import { duration } from "../format/duration";
import { absolute } from "../format/time";
import { useZone } from "../frame/preferences";
import { count } from "../format/number";
import { one } from "../search";
import { text } from "../text";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { JsonView } from "../ui/json-view";
import { Facts, Page, Section } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { usePhone } from "../ui/phone";
import { Time } from "../ui/time";
import { useActions } from "./schedules/actions";
import type { Schedule } from "./schedules/definition";
import { FromConfig, MessageState, NextRuns, RunStrip, StateBadge, When } from "./schedules/parts";
import { useHistory, useMessageStates, useSchedule, type Run } from "./schedules/queries";
import { patient } from "../ui/patient";

const t = text.schedules;
const Form = lazy(patient(() => import("./schedules/form").then((m) => ({ default: m.ScheduleForm }))));

export default function SchedulePage() {
  const { id = "" } = useParams({ strict: false });
  const { data, error, isPending, refetch } = useSchedule(id);
  if (isPending) return <Page title={t.title}><Loading lines={8} /></Page>;
  if (!data) return <Page title={t.title}><ErrorNote error={error} retry={error instanceof ApiError && error.status === 404 ? undefined : () => void refetch()} /></Page>;
  return <One schedule={data.schedule} />;
}

function One({ schedule: s }: { schedule: Schedule }) {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const { may, dialog, ...act } = useActions(s, () => navigate({ to: "/schedules" }));
  const edit = (on: boolean) => void navigate({ to: "/schedules/$id", params: { id: s.id }, search: on ? { edit: "1" } : {}, replace: !on });
  const title = s.name ?? s.id;
  return (
    <Page
      title={title} lead={<When schedule={s} />}
      heading={<span className="inline-flex flex-wrap items-center gap-2">{title} <StateBadge state={s.state} /> {s.source === "config" && <FromConfig />}</span>}
      actions={
        <>
          {may.run && <Button icon={<Play size={14} aria-hidden />} onClick={act.run}>{t.actions.run}</Button>}
          {may.skip && <Button icon={<SkipForward size={14} aria-hidden />} onClick={act.skip}>{t.actions.skip}</Button>}
          {may.enable && <Button icon={<CirclePlay size={14} aria-hidden />} busy={act.busy} onClick={act.enable}>{t.actions.enable}</Button>}
          {may.disable && <Button icon={<CirclePause size={14} aria-hidden />} busy={act.busy} onClick={act.disable}>{t.actions.disable}</Button>}
          {may.edit && <Button icon={<Pencil size={14} aria-hidden />} onClick={() => edit(true)}>{t.actions.edit}</Button>}
          {may.remove && <Button kind="danger" icon={<Trash2 size={14} aria-hidden />} onClick={act.remove}>{t.actions.remove}</Button>}
        </>
      }
    >
      {s.lastError && <Callout tone="danger">{t.failing(s.failures ?? 1)} <span className="foreign">{s.lastError}</span></Callout>}
      {s.unreadable && <Callout tone="warn">{t.unreadable}</Callout>}
      {s.source === "config" && <Callout>{t.fromConfigWhy}</Callout>}
      <div className="grid min-w-0 items-start gap-4 lg:grid-cols-2">
        <Section title={t.parts.next}><Coming schedule={s} /></Section>
        <Section title={t.parts.about}><About schedule={s} /></Section>
      </div>
      <Message schedule={s} />
      <History id={s.id} />
      {dialog}
      {one(search.edit) && may.edit && <Suspense><Form schedule={s} onClose={() => edit(false)} onSaved={() => {}} /></Suspense>}
    </Page>
  );
}

function Coming({ schedule: s }: { schedule: Schedule }) {
  const times = s.nextRuns ?? [];
  if (times.length === 0) return <p className="p-4 text-muted">{t.next.none[s.state === "completed" ? "completed" : "active"]}</p>;
  return (
    <>
      {s.state === "disabled" && <p className="px-4 pt-3 text-muted">{t.next.none.disabled}</p>}
      <NextRuns times={times} zone={s.kind === "cron" ? s.timezone ?? "UTC" : undefined} />
    </>
  );
}

function About({ schedule: s }: { schedule: Schedule }) {
  const f = t.facts;
  return (
    <Facts rows={[
      !!s.cron && [f.expression, <code className="font-mono text-xs">{s.cron}</code>],
      s.kind === "cron" && [f.zone, s.timezone ?? "UTC"],
      !!s.startAt && [f.start, <Time at={s.startAt} exact ahead />],
      !!s.endAt && [f.end, <Time at={s.endAt} exact ahead />],
      [f.runs, s.maxRuns ? `${count(s.runCount)} / ${count(s.maxRuns)}` : count(s.runCount)],
      !!s.jitter && [f.jitter, f.jitterValue(duration(s.jitter))],
      !!s.missed && [f.missed, t.missed[s.missed]],
      !!s.overlap && [f.overlap, t.overlap[s.overlap]],
      !!s.lastRunAt && [f.last, <Time at={s.lastRunAt} exact />],
      !!s.completedAt && [f.completed, <Time at={s.completedAt} exact />],
      [f.created, <Time at={s.createdAt} exact />],
      s.updatedAt !== s.createdAt && [f.updated, <Time at={s.updatedAt} exact />],
      [f.id, <span className="inline-flex items-center gap-1 font-mono text-xs">{s.id}<CopyButton value={s.id} label={`${text.shared.copy}: ${f.id}`} /></span>],
    ]} />
  );
}

function Message({ schedule: s }: { schedule: Schedule }) {
  const f = t.facts;
  const options = (s.options ?? {}) as { [name: string]: Json };
  const { queue, transport, priority, tags, ...rest } = options;
  const m = s.message;
  if (!m) return null;
  const payload = m.payload as Json;
  const masked = isObject(payload) && payload.redacted === true && Object.keys(payload).length === 1;
  return (
    <Section title={t.parts.message}>
      <Facts rows={[
        [f.type, <Link to="/type" search={{ type: m.type }} className="link">{m.type}</Link>],
        typeof queue === "string" && [f.queue, queue], typeof transport === "string" && [f.transport, transport],
        priority !== undefined && [f.priority, String(priority)],
        Array.isArray(tags) && tags.length > 0 && [f.tags, <span className="inline-flex flex-wrap gap-1">{tags.map((x) => <Badge key={String(x)}>{String(x)}</Badge>)}</span>],
      ]} />
      <div className="border-t border-line">
        {masked ? <p className="p-4 text-muted">{text.shared.masked}. {text.shared.maskedWhy}</p> : <JsonView value={payload} label={text.schedules.form.payload} />}
      </div>
      {m.metadata && Object.keys(m.metadata).length > 0 && <div className="border-t border-line"><JsonView value={m.metadata as Json} label={text.schedules.form.metadata} /></div>}
      {Object.keys(rest).length > 0 && <div className="border-t border-line"><JsonView value={rest} label={t.parts.options} /></div>}
    </Section>
  );
}

function History({ id }: { id: string }) {
  const h = t.history;
  const list = useHistory(id);
  const runs = useMemo(() => list.data?.pages.flatMap((p) => p.runs) ?? [], [list.data]);
  const last = runs.slice(0, 20);
  const states = useMessageStates(last);
  const phone = usePhone();
  return (
    <Section title={t.parts.history} actions={runs.length > 0 && <RunStrip runs={last} states={states} />}>
      {list.error && <ErrorNote error={list.error} retry={() => void list.refetch()} />}
      {list.isPending ? <Loading /> : runs.length === 0 ? <Empty title={h.empty} /> : (
        <>
          {phone ? (
            <ul>
              {runs.map((r) => (
                <li key={r.seq} className="flex flex-col gap-1 border-t border-line px-4 py-3 first:border-0">
                  <span className="flex flex-wrap items-center justify-between gap-2"><Occurrence run={r} /><Messages run={r} /></span>
                  <span className="flex flex-wrap items-center justify-between gap-2 text-xs text-muted"><Fired run={r} /><Outcome run={r} /></span>
                </li>
              ))}
            </ul>
          ) : (
            <table className="w-full text-sm">
              <thead className="text-left text-xs text-muted">
                <tr>{[h.occurrence, h.fired, h.outcome, h.messages].map((n) => <th key={n} className="px-4 py-2 font-medium">{n}</th>)}</tr>
              </thead>
              <tbody>
                {runs.map((r) => (
                  <tr key={r.seq} className="border-t border-line align-top">
                    <td className="px-4 py-2"><Occurrence run={r} /></td>
                    <td className="px-4 py-2"><Fired run={r} /></td>
                    <td className="px-4 py-2"><Outcome run={r} /></td>
                    <td className="px-4 py-2"><Messages run={r} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <div className="flex items-center justify-center gap-3 p-3 text-xs text-muted">
            {list.hasNextPage ? <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button> : h.kept}
          </div>
        </>
      )}
    </Section>
  );
}

function Occurrence({ run: r }: { run: Run }) {
  const zone = useZone();
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      <time dateTime={r.occurrence} className="tabular">{absolute(r.occurrence, zone)}</time>{r.manual && <Badge>{t.history.manual}</Badge>}
      {r.through !== r.occurrence && <span className="text-xs text-muted">{t.history.through} <Time at={r.through} /></span>}
    </span>
  );
}

function Fired({ run: r }: { run: Run }) {
  const late = Date.parse(r.firedAt) - Date.parse(r.through);
  return <span><Time at={r.firedAt} />{late > 1000 && !r.manual && <span className="text-muted"> · {t.history.late(duration(late))}</span>}</span>;
}

function Outcome({ run: r }: { run: Run }) {
  const ink = { fired: "", skipped: "text-muted", skipped_overlap: "text-warn", skipped_missed: "text-muted", failed: "text-failed" }[r.outcome];
  return <span className="min-w-0"><span className={ink}>{t.outcome[r.outcome]}</span>{r.error && <span className="block text-xs foreign">{r.error}</span>}</span>;
}

function Messages({ run: r }: { run: Run }) {
  if (r.messages.length === 0) return <span className="text-muted">{text.shared.nothing}</span>;
  return <span className="inline-flex flex-wrap gap-3">{r.messages.map((m) => <MessageState key={m.id} transport={m.transport} id={m.id} />)}</span>;
}
