import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, type ReactNode } from "react";
import { queuesQuery, type QueueRow } from "../api/names";
import { duration } from "../format/duration";
import { count, pace, percent } from "../format/number";
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
import { useNow } from "../ui/time";
import { Tooltip } from "../ui/tooltip";
import { unasked, useWorkers, workersOn } from "./queues/workers";
import { HoldBadges } from "./steering/holds";
import { LimitsUse } from "./steering/limits";

const t = text.queues;
type Row = QueueRow & { workers?: number; idleSince?: string };

const orders: Record<string, (a: Row, b: Row) => number> = {
  name: () => 0, // as the server sorts them
  waiting: (a, b) => b.pending - a.pending,
  oldest: (a, b) => b.oldestPendingAge - a.oldestPendingAge,
  failing: (a, b) => (b.figures?.failed ?? 0) - (a.figures?.failed ?? 0),
  busy: (a, b) => (b.figures?.processed ?? 0) - (a.figures?.processed ?? 0),
};

/** All queues with what they have, what stops and limits them, and how they do. */
export default function Queues() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const refetchInterval = useRefetch("by nobody", 5000);
  const { data, error, refetch } = useQuery({ ...queuesQuery, refetchInterval, placeholderData: keepPreviousData });
  const workers = useWorkers();
  // Whole minutes: the rows need no new order each second.
  const now = Math.floor(useNow() / 10_000) * 10_000;
  const [q, sort, show] = [one(search.q) ?? "", one(search.sort) ?? "name", one(search.show) ?? ""];
  const rows = useMemo(() => {
    const wanted = q.toLowerCase();
    const list = (data?.rows ?? [])
      .filter((r) => `${r.transport}/${r.queue}`.toLowerCase().includes(wanted))
      .map((r): Row => ({
        ...r, idleSince: unasked(r, now),
        workers: workers.data && workersOn(workers.data.nodes, r).filter((w) => w.running).length,
      }))
      .filter((r) => show === "held" ? r.holds.length > 0 : show === "nobody" ? r.idleSince : show === "failing" ? (r.figures?.failed ?? 0) > 0 : true);
    return orders[sort] ? [...list].sort(orders[sort]) : list;
  }, [data, workers.data, q, sort, show, now]);
  const change = (next: Search) => void navigate({ to: ".", search: (s: Search) => ({ ...s, ...next }), replace: true, resetScroll: false });
  const bad = [!orders[sort] && sort, !t.shows.some(([v]) => v === show) && show].filter((b): b is string => !!b);
  return (
    <Page title={t.title} lead={data && t.lead(data.rows.length)}>
      {error && <ErrorNote error={error} retry={() => void refetch()} />}
      {!data && !error && <Loading lines={8} />}
      {data && data.rows.length === 0 && <div className="card"><Empty title={t.empty}><p>{t.teach}</p><FirstDispatch /></Empty></div>}
      {data && data.rows.length > 0 && (
        <>
          <div className="flex flex-wrap items-end gap-2">
            <input data-search type="search" aria-label={t.search} placeholder={t.search} className="field min-w-48 flex-1" value={q} onChange={(e) => change({ q: e.target.value || undefined })} />
            <div className="w-40"><Select label={t.show} value={show} options={t.shows as [string, string][]} onChange={(e) => change({ show: e.target.value || undefined })} /></div>
            <div className="w-40"><Select label={t.sort} value={sort} options={t.sorts as [string, string][]} onChange={(e) => change({ sort: e.target.value === "name" ? undefined : e.target.value })} /></div>
          </div>
          {bad.map((b) => <Callout key={b} tone="warn">{t.badShow(b)}</Callout>)}
          <div className="card">
            {rows.length === 0 ? <p className="p-4 text-sm text-muted">{t.none}</p> : (
              <Table label={t.title} columns={columns} rows={rows} rowKey={(r) => `${r.transport}/${r.queue}`}
                onOpen={(r) => void navigate({ to: "/queue", search: { transport: r.transport, queue: r.queue } })}
                end={data.more && <p className="text-xs text-muted">{t.more}</p>} />
            )}
          </div>
        </>
      )}
    </Page>
  );
}

const c = t.columns;
const columns: Column<Row>[] = [
  {
    id: "queue", name: c.queue, phone: "title", width: "minmax(8rem,2fr)",
    cell: (r) => <Named beside={r.transport}><Link to="/queue" search={{ transport: r.transport, queue: r.queue }} className="link truncate font-medium foreign" title={r.queue}>{r.queue}</Link></Named>,
  },
  { id: "state", name: c.state, width: "7rem", cell: (r) => (r.holds.length > 0 || r.idleSince) && <span className="flex gap-1"><HoldBadges holds={r.holds} />{r.idleSince && <Badge tone="danger">{t.noWorkers}</Badge>}</span> },
  {
    id: "waiting", name: c.waiting, align: "right", width: "5rem",
    cell: (r) => r.scheduledMessages > 0 ? <Tooltip text={t.scheduled(r.scheduledMessages)}><span>{count(r.pending)}</span></Tooltip> : count(r.pending),
  },
  { id: "running", name: c.running, align: "right", width: "5rem", cell: (r) => count(r.processing) },
  { id: "oldest", name: c.oldest, align: "right", width: "6.5rem", cell: (r) => (r.oldestPendingAge > 0 ? duration(r.oldestPendingAge) : nothing) },
  { id: "rate", name: c.rate, align: "right", width: "5rem", cell: (r) => (r.figures ? pace(r.figures.throughput) : nothing) },
  { id: "series", name: c.series, phone: "hide", width: "6.5rem", cell: (r) => (r.series ? <Sparkline values={r.series} label={t.lastHour(r.series.reduce((a, b) => a + b, 0))} width={80} /> : null) },
  { id: "wait", name: c.wait, align: "right", width: "5.5rem", cell: (r) => (r.figures?.processed ? duration(r.figures.waiting.p95) : nothing) },
  { id: "failing", name: c.failing, align: "right", width: "4.5rem", cell: (r) => (r.figures?.processed ? <Failing figures={r.figures} /> : nothing) },
  { id: "limits", name: c.limits, width: "minmax(5rem,1fr)", cell: (r) => (r.limits.length > 0 ? <LimitsUse limits={r.limits} /> : nothing) },
  { id: "workers", name: c.workers, align: "right", width: "5rem", cell: (r) => (r.workers === undefined ? nothing : count(r.workers)) },
];


/** A link with a word beside it that is no part of a sentence: so the link need not be told from a text around it. */
export function Named({ beside, children }: { beside: string; children: ReactNode }) {
  return <span className="flex min-w-0 items-baseline gap-1">{children}{beside && <span className="shrink-0 text-xs text-muted">{beside}</span>}</span>;
}

/** The share of failed attempts of the last hour. */
export function Failing({ figures: f }: { figures: QueueRow["figures"] }) {
  if (!f || f.processed === 0) return nothing;
  return <span title={t.detail.of(f.failed, f.processed)} className={f.failed > 0 ? "text-failed" : undefined}>{percent(f.failureRate)}</span>;
}
