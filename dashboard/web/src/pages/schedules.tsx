import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Ellipsis, Plus } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { usePermissions } from "../api/session";
import { useZone } from "../frame/preferences";
import { absolute } from "../format/time";
import { one } from "../search";
import { text } from "../text";
import { Button, IconButton } from "../ui/button";
import { Code } from "../ui/copy";
import { Menu, MenuItem } from "../ui/menu";
import { Page } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Table, type Column } from "../ui/table";
import { Time } from "../ui/time";
import { useActions } from "./schedules/actions";
import type { Schedule } from "./schedules/definition";
import { FromConfig, MessageState, RunStrip, StateBadge, When } from "./schedules/parts";
import { useLastRuns, useSchedules } from "./schedules/queries";
import { patient } from "../ui/patient";

const t = text.schedules;
const Form = lazy(patient(() => import("./schedules/form").then((m) => ({ default: m.ScheduleForm }))));
const states = ["active", "disabled", "completed"] as const;
const sources = ["api", "config"] as const;

export default function Schedules() {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const { may } = usePermissions();
  const asked = { state: one(search.state), source: one(search.source) };
  const state = states.find((s) => s === asked.state);
  const source = sources.find((s) => s === asked.source);
  const q = one(search.q) ?? "";
  const list = useSchedules({ state, source });
  const all = useMemo(() => list.data?.pages.flatMap((p) => p.schedules) ?? [], [list.data]);
  const rows = useMemo(() => {
    const wanted = q.trim().toLowerCase();
    return wanted ? all.filter((s) => [s.name, s.message?.type, s.id].some((v) => v?.toLowerCase().includes(wanted))) : all;
  }, [all, q]);
  const set = (change: Record<string, string | undefined>, replace = true) =>
    void navigate({ to: "/schedules", search: { ...search, ...change }, replace });
  const open = (s: Schedule) => void navigate({ to: "/schedules/$id", params: { id: s.id } });
  const filtered = !!(state || source || q);
  const create = may("operate") && <Button kind="primary" icon={<Plus size={14} aria-hidden />} onClick={() => set({ new: "1" }, false)}>{t.create}</Button>;

  return (
    <Page title={t.title} lead={t.lead} actions={create}>
      {asked.state && !state && <Callout tone="warn"><span className="foreign">{t.wrongValue("state", asked.state)}</span></Callout>}
      {asked.source && !source && <Callout tone="warn"><span className="foreign">{t.wrongValue("source", asked.source)}</span></Callout>}
      <div className="flex flex-wrap items-center gap-2">
        <input type="search" data-search className="field min-w-0 flex-1 max-sm:min-w-full sm:max-w-80" placeholder={t.filter.label} aria-label={t.filter.label} value={q}
          onChange={(e) => set({ q: e.target.value || undefined })} />
        <select aria-label={t.filter.state} className="field" value={state ?? ""} onChange={(e) => set({ state: e.target.value || undefined })}>
          <option value="">{t.filter.state}: {t.filter.any}</option>
          {states.map((s) => <option key={s} value={s}>{t.states[s]}</option>)}
        </select>
        <select aria-label={t.filter.source} className="field" value={source ?? ""} onChange={(e) => set({ source: e.target.value || undefined })}>
          <option value="">{t.filter.source}: {t.filter.any}</option>
          {sources.map((s) => <option key={s} value={s}>{t.sources[s]}</option>)}
        </select>
      </div>
      {list.error && <ErrorNote error={list.error} retry={() => void list.refetch()} />}
      <div className="card min-w-0">
        {list.isPending ? <Loading lines={6} />
          : rows.length > 0 ? (
            <Table label={t.title} columns={columns} rows={rows} rowKey={(s) => s.id} onOpen={open}
              end={list.hasNextPage && (
                <div className="flex flex-col items-center gap-1">
                  <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button>
                  {q && <span className="text-xs text-muted">{t.filter.loaded(all.length)}</span>}
                </div>
              )} />
          )
          : filtered ? <Empty title={t.filter.none}><div><Button onClick={() => set({ q: undefined, state: undefined, source: undefined })}>{t.filter.clear}</Button></div></Empty>
          : !list.error && <First />}
      </div>
      {one(search.new) && may("operate") && <Suspense><Form onClose={() => set({ new: undefined })} onSaved={open} /></Suspense>}
    </Page>
  );
}

const columns: Column<Schedule>[] = [
  { id: "name", name: t.columns.name, width: "minmax(10rem,2fr)", phone: "title", cell: (s) => <Name schedule={s} /> },
  { id: "when", name: t.columns.when, width: "minmax(10rem,2fr)", cell: (s) => <span title={s.cron} className="line-clamp-2 whitespace-normal"><When schedule={s} /></span> },
  { id: "next", name: t.columns.next, width: "12rem", cell: (s) => <Next schedule={s} /> },
  { id: "last", name: t.columns.last, width: "11.25rem", cell: (s) => <Last schedule={s} /> },
  { id: "runs", name: t.columns.runs, width: "7.75rem", cell: (s) => <Runs schedule={s} /> },
  { id: "state", name: t.columns.state, width: "6.25rem", cell: (s) => <StateBadge state={s.state} /> },
  { id: "actions", name: <span className="sr-only">{t.actions.more}</span>, width: "3.75rem", phone: "hide", cell: (s) => <RowMenu schedule={s} /> },
];

function Name({ schedule: s }: { schedule: Schedule }) {
  return (
    <span className="flex min-w-0 flex-col sm:w-0 sm:min-w-full">
      <span className="flex min-w-0 items-center gap-2">
        <Link to="/schedules/$id" params={{ id: s.id }} className="min-w-0 truncate font-medium hover:underline foreign">{s.name ?? s.id}</Link>
        {s.source === "config" && <FromConfig short />}
      </span>
      <span className="truncate text-xs font-normal text-muted foreign">{s.message?.type}</span>
    </span>
  );
}

function Next({ schedule: s }: { schedule: Schedule }) {
  const zone = useZone();
  if (!s.nextRunAt) return <span className="text-muted">{t.noNext}</span>;
  const later = s.nextRuns?.filter((at) => at > s.nextRunAt!).slice(0, 4) ?? [];
  const first = new Date(s.nextRunAt);
  const sameDay = later.every((at) => absolute(at, zone).slice(0, 10) === absolute(first, zone).slice(0, 10));
  const seconds = later.some((at) => new Date(at).getUTCSeconds() !== 0);
  const short = later.map((at) => absolute(at, zone).slice(sameDay ? 11 : 5, seconds ? 19 : 16));
  return (
    <span className="flex min-w-0 flex-col max-sm:items-end">
      <Time at={s.nextRunAt} ahead />
      {later.length > 0 && <span className="truncate text-xs text-muted tabular" title={short.join(", ")}>{t.then(short.slice(0, 2))}</span>}
    </span>
  );
}

function Last({ schedule: s }: { schedule: Schedule }) {
  const m = s.lastMessages[0];
  if (s.lastError) return <span className="truncate text-failed foreign" title={s.lastError}>{s.lastError}</span>;
  if (!s.lastRunAt && !m) return <span className="text-muted">{t.never}</span>;
  return <span className="flex min-w-0 items-center gap-2 max-sm:justify-end">{m && <MessageState transport={m.transport} id={m.id} />}<Time at={s.lastRunAt} className="text-muted" /></span>;
}

function Runs({ schedule: s }: { schedule: Schedule }) {
  const { data } = useLastRuns(s);
  return data?.runs.length ? <RunStrip runs={data.runs} /> : <span className="text-muted">{text.shared.nothing}</span>;
}

function RowMenu({ schedule: s }: { schedule: Schedule }) {
  const navigate = useNavigate();
  const { may, dialog, ...act } = useActions(s);
  if (!Object.values(may).some(Boolean)) return null;
  return (
    <>
      <Menu trigger={<IconButton label={`${t.actions.more}: ${s.name ?? s.id}`} icon={<Ellipsis size={16} aria-hidden />} />}>
        {may.run && <MenuItem onSelect={act.run}>{t.actions.run}</MenuItem>}
        {may.skip && <MenuItem onSelect={act.skip}>{t.actions.skip}</MenuItem>}
        {may.enable && <MenuItem onSelect={act.enable}>{t.actions.enable}</MenuItem>}
        {may.disable && <MenuItem onSelect={act.disable}>{t.actions.disable}</MenuItem>}
        {may.edit && <MenuItem onSelect={() => void navigate({ to: "/schedules/$id", params: { id: s.id }, search: { edit: "1" } })}>{t.actions.edit}</MenuItem>}
        {may.remove && <MenuItem danger onSelect={act.remove}>{t.actions.remove}</MenuItem>}
      </Menu>
      {dialog}
    </>
  );
}

/** What to do where there is no schedule yet. */
function First() {
  const origin = location.origin;
  const body = `{"name": "report", "cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin",
  "message": {"type": "report.daily", "payload": {}}}`;
  return (
    <Empty title={t.empty.title}>
      <p>{t.empty.text}</p>
      <p>{t.empty.first}</p>
      <Code label="symphony.yaml">{`schedules:
  - name: report
    cron: "0 9 * * MON-FRI"
    timezone: Europe/Berlin
    type: report.daily
    payload: {}`}</Code>
      <Code label="curl">{`curl ${origin}/api/symphony/schedules \\
  -H 'Authorization: Bearer YOUR_API_KEY' -H 'Content-Type: application/json' -d '
  ${body}'`}</Code>
      <Code label="Go">{`made, err := schedules.Create(ctx, schedule.Schedule{
	Name: "report", Cron: "0 9 * * MON-FRI", Timezone: "Europe/Berlin",
	Message: symphony.Message{Type: "report.daily", Payload: []byte("{}")},
})`}</Code>
      <Code label="TypeScript">{`await fetch("${origin}/api/symphony/schedules", {
  method: "POST",
  headers: { Authorization: "Bearer YOUR_API_KEY", "Content-Type": "application/json" },
  body: JSON.stringify(${body}),
});`}</Code>
    </Empty>
  );
}
