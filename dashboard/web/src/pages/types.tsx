import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { countedTypesQuery, type TypeRow } from "../api/names";
import { duration } from "../format/duration";
import { count, pace } from "../format/number";
import { useRefetch } from "../live/live";
import { one, type Search } from "../search";
import { text } from "../text";
import { FirstDispatch } from "../ui/first-dispatch";
import { Select } from "../ui/field";
import { Page } from "../ui/page";
import { Sparkline } from "../ui/sparkline";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { nothing, Table, type Column } from "../ui/table";
import { Tooltip } from "../ui/tooltip";
import { Failing, Named } from "./queues";
import { useWorkers, workersOn } from "./queues/workers";
import { HoldBadges } from "./steering/holds";
import { LimitsUse } from "./steering/limits";

const t = text.types;
const c = text.queues.columns;

type Row = TypeRow & { on: string; workers?: number; pendingAtLeast?: boolean; processingAtLeast?: boolean };

const orders: Record<string, (a: Row, b: Row) => number> = {
  name: () => 0, // as the server sorts them
  waiting: (a, b) => (b.pending ?? -1) - (a.pending ?? -1),
  failing: (a, b) => (b.figures?.failed ?? 0) - (a.figures?.failed ?? 0),
  busy: (a, b) => (b.figures?.processed ?? 0) - (a.figures?.processed ?? 0),
};

const shows: Record<string, (r: TypeRow) => boolean> = {
  "": () => true,
  held: (r) => r.holds.length > 0,
  breaker: (r) => (r.handler?.breakers?.length ?? 0) > 0,
  nobody: (r) => !r.handler,
  failing: (r) => (r.figures?.failed ?? 0) > 0,
};

/** All types, and the patterns for which something is configured or set, with what handles, stops and limits them. */
export default function Types() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const refetchInterval = useRefetch("by nobody", 10_000);
  const { data, error, refetch } = useQuery({ ...countedTypesQuery, refetchInterval, placeholderData: keepPreviousData });
  const workers = useWorkers();
  const [q, sort, show] = [one(search.q) ?? "", one(search.sort) ?? "name", one(search.show) ?? ""];
  const rows = useMemo(() => {
    const wanted = q.toLowerCase();
    const { pendingAtLeast, processingAtLeast } = data?.last ?? {};
    const several = new Set(data?.rows.flatMap((r) => r.transports)).size > 1;
    const list = (data?.rows ?? [])
      .filter((r) => r.type.toLowerCase().includes(wanted) && (shows[show]?.(r) ?? true))
      .map((r): Row => ({
        ...r, pendingAtLeast, processingAtLeast, on: several ? r.transports.join(", ") : "",
        workers: r.queues && workers.data && workersOn(workers.data.nodes, ...r.queues).filter((w) => w.running).length,
      }));
    return orders[sort] ? [...list].sort(orders[sort]) : list;
  }, [data, workers.data, q, sort, show]);
  const change = (next: Search) => void navigate({ to: ".", search: (s: Search) => ({ ...s, ...next }), replace: true, resetScroll: false });
  const bad = [!orders[sort] && sort, !shows[show] && show].filter((b): b is string => !!b);
  return (
    <Page title={t.title} lead={data && t.lead(data.rows.length)}>
      {error && <ErrorNote error={error} retry={() => void refetch()} />}
      {!data && !error && <Loading lines={8} />}
      {data && data.rows.length === 0 && <div className="card"><Empty title={t.empty}><p>{t.teach}</p><FirstDispatch /></Empty></div>}
      {data && data.rows.length > 0 && (
        <>
          <div className="flex flex-wrap items-end gap-2">
            <input data-search type="search" aria-label={t.search} placeholder={t.search} className="field min-w-48 flex-1" value={q} onChange={(e) => change({ q: e.target.value || undefined })} />
            <div className="w-40"><Select label={text.queues.show} value={show} options={t.shows as [string, string][]} onChange={(e) => change({ show: e.target.value || undefined })} /></div>
            <div className="w-40">
              <Select label={text.queues.sort} value={sort} options={(text.queues.sorts as [string, string][]).filter(([v]) => orders[v])}
                onChange={(e) => change({ sort: e.target.value === "name" ? undefined : e.target.value })} />
            </div>
          </div>
          {bad.map((b) => <Callout key={b} tone="warn">{text.queues.badShow(b)}</Callout>)}
          <div className="card">
            {rows.length === 0 ? <p className="p-4 text-sm text-muted">{t.none}</p> : (
              <Table label={t.title} columns={rows.some(hasState) ? columns : stateless} rows={rows} rowKey={(r) => r.type}
                onOpen={(r) => void navigate({ to: "/type", search: { type: r.type } })} end={data.more && <p className="text-xs text-muted">{t.more}</p>} />
            )}
          </div>
        </>
      )}
    </Page>
  );
}

/** A number that may be the least of what there is. */
function Least({ n, more, why }: { n: number; more?: boolean; why: string }) {
  return more ? <Tooltip text={why}><span>{count(n)}+</span></Tooltip> : count(n);
}

const columns: Column<Row>[] = [
  {
    id: "type", name: c.type, phone: "title", width: "minmax(11rem,2fr)",
    cell: (r) => <Named beside={r.on}><Link to="/type" search={{ type: r.type }} className="link truncate font-medium foreign" title={r.type}>{r.type}</Link></Named>,
  },
  {
    id: "state", name: c.state, width: "8rem",
    cell: (r) => hasState(r) && (
      <span className="flex gap-1">
        <HoldBadges holds={r.holds} />
        {!!r.handler?.breakers?.length && <Badge tone="danger">{t.breakerOpen}</Badge>}
      </span>
    ),
  },
  { id: "waiting", name: c.waiting, align: "right", width: "5.25rem", cell: (r) => (r.pending === undefined ? nothing : <Least n={r.pending} more={r.pendingAtLeast} why={text.messages.atLeast} />) },
  { id: "running", name: c.running, align: "right", width: "4.75rem", cell: (r) => (r.processing === undefined ? nothing : <Least n={r.processing} more={r.processingAtLeast} why={text.messages.atLeast} />) },
  { id: "rate", name: c.rate, align: "right", width: "5rem", cell: (r) => (r.figures && !isPattern(r.type) ? pace(r.figures.throughput) : nothing) },
  { id: "series", name: c.series, phone: "hide", width: "6.5rem", cell: (r) => (r.series && !isPattern(r.type) ? <Sparkline values={r.series} label={text.queues.lastHour(r.series.reduce((a, b) => a + b, 0))} width={80} /> : null) },
  { id: "wait", name: c.wait, align: "right", width: "5.25rem", cell: (r) => (r.figures?.processed ? duration(r.figures.waiting.p95) : nothing) },
  { id: "failing", name: c.failing, align: "right", width: "4.5rem", cell: (r) => (r.figures?.processed ? <Failing figures={r.figures} /> : nothing) },
  { id: "limits", name: c.limits, width: "minmax(5rem,1fr)", cell: (r) => (r.limits.length > 0 ? <LimitsUse limits={r.limits} /> : nothing) },
  { id: "workers", name: c.workers, align: "right", width: "4.75rem", cell: (r) => (r.workers === undefined ? nothing : <Tooltip text={r.moreQueues ? t.someWorkers : t.workers}><span>{count(r.workers)}{r.moreQueues && "+"}</span></Tooltip>) },
  { id: "run", name: c.run, align: "right", width: "5.25rem", cell: (r) => (r.figures?.processed ? duration(r.figures.p95) : nothing) },
  { id: "handler", name: c.handler, width: "minmax(6rem,1fr)", cell: (r) => (r.handler ? <span className="foreign" title={r.handler.pattern}>{r.handler.pattern}</span> : <span className="text-muted">{t.noHandler}</span>) },
];

// Most of the time nothing is held, and the others need the room.
const stateless = columns.filter((column) => column.id !== "state");

function hasState(r: TypeRow): boolean {
  return r.holds.length > 0 || !!r.handler?.breakers?.length;
}

/** Tells whether a name stands for several types, of which each has figures of its own. */
export function isPattern(type: string): boolean {
  return type === "*" || type.endsWith(".*");
}
