import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight, CircleAlert, TriangleAlert } from "lucide-react";
import { useMemo, useState } from "react";
import { answer, api } from "../api/client";
import { ApiError } from "../api/errors";
import { queuesQuery, type QueueRow } from "../api/names";
import { duration } from "../format/duration";
import { count, pace, percent, short } from "../format/number";
import { useLiveEvent, useRefetch } from "../live/live";
import { text } from "../text";
import { Button } from "../ui/button";
import { Figure, Page, Section } from "../ui/page";
import { ErrorNote, Loading } from "../ui/states";
import { Time, useNow } from "../ui/time";
import { findings, type Finding } from "./overview/attention";
import { FirstSteps } from "./overview/first-steps";
import { Health, readHealth } from "./overview/health";
import { useWorkers } from "./queues/workers";
import { SeriesSection } from "./series/series-chart";

const t = text.overview;

/** Whether work flows, how much, and what needs attention. */
export default function Overview() {
  const every = useRefetch("by nobody", 10_000);
  const health = useQuery({ queryKey: ["status", "health"], queryFn: ({ signal }) => readHealth(signal), refetchInterval: every, placeholderData: keepPreviousData, retry: false });
  const queues = useQuery({ ...queuesQuery, refetchInterval: every, placeholderData: keepPreviousData });
  const needs = useFindings(queues.data?.rows, health.data?.checks);
  // Whoever comes to an empty system is taught, until he goes on.
  const [steps, setSteps] = useState<"unknown" | "shown" | "done">("unknown");
  const empty = queues.data?.rows.every((r) => r.depth + r.completed + r.failed + r.cancelled === 0);
  if (empty && steps === "unknown") setSteps("shown");
  const done = () => {
    setSteps("done");
    void queues.refetch();
  };
  return (
    <Page title={t.title}>
      {health.data ? <Health report={health.data} findings={needs.list.filter((f) => f.tone === "danger").length} /> : health.error ? <HealthError error={health.error} retry={() => void health.refetch()} /> : <div className="card min-h-20"><Loading lines={2} /></div>}
      {queues.error && !queues.data && <ErrorNote error={queues.error} retry={() => void queues.refetch()} />}
      {steps === "shown" ? <FirstSteps onDone={done} /> : (
        <>
          <Figures rows={queues.data?.rows} />
          <Attention {...needs} loading={!queues.data} />
          <SeriesSection />
        </>
      )}
    </Page>
  );
}

function HealthError({ error, retry }: { error: unknown; retry: () => void }) {
  if (error instanceof ApiError && error.status === 501) return <p className="text-sm text-muted">{t.health.unknown}</p>;
  return <ErrorNote error={error} retry={retry} />;
}

type Stats = { depth: number; pending: number; processing: number; failed: number; oldestPendingAge: number };

/** The counts of all transports: as the last event told them, until the first one as the queues have them. */
function useStats(rows: QueueRow[] | undefined): Stats | undefined {
  const [told, setTold] = useState<Stats>();
  useLiveEvent("stats", (e) => {
    if (Array.isArray(e.data.transports)) setTold(summed(e.data.transports as Stats[]));
  });
  return told ?? (rows && summed(rows));
}

function summed(list: Stats[]): Stats {
  const sum = { depth: 0, pending: 0, processing: 0, failed: 0, oldestPendingAge: 0 };
  for (const s of list) {
    for (const k of ["depth", "pending", "processing", "failed"] as const) sum[k] += s[k];
    sum.oldestPendingAge = Math.max(sum.oldestPendingAge, s.oldestPendingAge);
  }
  return sum;
}

function useMetrics(minutes: number) {
  const refetchInterval = useRefetch("by nobody", 10_000);
  return useQuery({
    queryKey: ["metrics", "totals", minutes], refetchInterval, placeholderData: keepPreviousData, retry: false,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/metrics", { params: { query: { minutes, step: minutes } }, signal })),
  });
}

function Figures({ rows }: { rows: QueueRow[] | undefined }) {
  const f = t.figures;
  const stats = useStats(rows);
  const { data: m } = useMetrics(5);
  const { data: w } = useWorkers();
  const all = w?.nodes.flatMap((n) => n.workers) ?? [];
  const running = all.filter((x) => x.running).length;
  const none = text.shared.nothing;
  // Messages that came, over the time that the server's rate of those handled is of.
  const seconds = m && m.throughput > 0 ? m.totals.processed / m.throughput : 300;
  return (
    <section aria-label={f.label} className="grid grid-cols-2 gap-2 sm:grid-cols-4">
      <Figure name={f.depth} value={stats ? <Link to="/messages" search={{ status: ["pending", "processing"] }} className="hover:underline" title={count(stats.depth)}>{short(stats.depth)}</Link> : none} note={stats ? f.depthNote(stats.pending, stats.processing) : " "} />
      <Figure name={f.oldest} value={stats && stats.oldestPendingAge > 0 ? <Link to="/queues" search={{ sort: "oldest" }} className="hover:underline">{duration(stats.oldestPendingAge)}</Link> : none} note={f.oldestNote} />
      <Figure name={f.in} value={m ? pace(m.totals.dispatched / seconds) : none} note={f.last} />
      <Figure name={f.out} value={m ? pace(m.throughput) : none} note={f.last} />
      <Figure name={f.errors} value={m && m.totals.processed > 0 ? <Link to="/failed" className="hover:underline">{percent(m.failureRate)}</Link> : none} note={m ? f.errorsNote(m.totals.failed, m.totals.processed) : " "} tone={m && m.totals.processed >= 20 && m.failureRate >= 0.25 ? "danger" : undefined} />
      <Figure name={f.wait} value={m && m.totals.processed > 0 ? duration(m.waiting.p95) : none} note={f.last} />
      <Figure name={f.dead} value={stats ? <Link to="/failed" className="hover:underline" title={count(stats.failed)}>{short(stats.failed)}</Link> : none} note={f.deadNote} />
      <Figure name={f.workers} value={w ? <Link to="/workers" className="hover:underline">{count(running)}</Link> : none} note={w ? (all.length > running ? f.stopped(all.length - running) : f.workersNote(w.nodes.length)) : " "} tone={w && running === 0 && (stats?.depth ?? 0) > 0 ? "warn" : undefined} />
    </section>
  );
}

const shown = 8;

/** What needs attention, and what could not be asked for. */
function useFindings(rows: QueueRow[] | undefined, checks: Parameters<typeof findings>[0]["checks"]) {
  const slow = useRefetch("by events", 15_000);
  const keep = { placeholderData: keepPreviousData, retry: false, refetchInterval: slow } as const;
  const status = useQuery({ queryKey: ["status", "transports"], ...keep, queryFn: ({ signal }) => answer(api.GET("/api/symphony/status", { signal })) });
  const transports = status.data?.transports;
  const holds = useQuery({
    queryKey: ["holds", "all", transports], ...keep, enabled: !!transports,
    queryFn: async ({ signal }) => (await Promise.all(transports!.map(async (transport) => {
      const { holds } = await answer(api.GET("/api/symphony/holds", { params: { query: { transport } }, signal }));
      return holds.map((h) => ({ ...h, transport }));
    }))).flat(),
  });
  const alerts = useQuery({ queryKey: ["alerts"], ...keep, queryFn: ({ signal }) => answer(api.GET("/api/symphony/alerts", { signal })) });
  const groups = useQuery({
    queryKey: ["failed", "regressed"], ...keep,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/failed/groups", { params: { query: { state: "regressed", limit: 20 } }, signal })),
  });
  const types = useMetrics(15);
  const workers = useWorkers();
  const now = Math.floor(useNow() / 10_000) * 10_000;
  const list = useMemo(
    () => findings({ now, queues: rows, holds: holds.data, types: types.data?.byMessageType, nodes: workers.data?.nodes, alerts: alerts.data, groups: groups.data?.groups, checks }),
    [now, rows, holds.data, types.data, workers.data, alerts.data, groups.data, checks],
  );
  // What this server or this caller does not have is no finding; what should be there and is not is one.
  const missing = [holds, alerts, groups, types, workers].map((q) => q.error).find((e) => e && !(e instanceof ApiError && (e.status === 501 || e.status === 403)));
  return { list, missing };
}

function Attention({ list, missing, loading }: ReturnType<typeof useFindings> & { loading: boolean }) {
  const a = t.attention;
  const [all, setAll] = useState(false);
  return (
    <Section title={a.title}>
      {missing && <p className="border-b border-line p-3 text-sm text-warn foreign">{a.partly} {missing.message}</p>}
      {loading ? <Loading lines={2} /> : list.length === 0 ? <p className="p-4 text-sm text-muted">{a.none}</p> : (
        <ul className="divide-y divide-line">
          {(all ? list : list.slice(0, shown)).map((f) => <li key={f.key}><Row finding={f} /></li>)}
        </ul>
      )}
      {!all && list.length > shown && <div className="border-t border-line p-2"><Button kind="quiet" onClick={() => setAll(true)}>{a.more(list.length - shown)}</Button></div>}
    </Section>
  );
}

function Row({ finding: f }: { finding: Finding }) {
  const Icon = f.tone === "danger" ? CircleAlert : TriangleAlert;
  return (
    <Link to={f.to} search={f.search} className="flex items-center gap-3 px-4 py-2 hover:bg-hover">
      <Icon size={16} aria-hidden className={`shrink-0 ${f.tone === "danger" ? "text-danger" : "text-warn"}`} />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium foreign">{f.title}</span>
        <span className="flex gap-1 text-xs text-muted max-sm:flex-wrap">
          {f.why && <span className="min-w-0 foreign max-sm:line-clamp-2 sm:truncate">{f.why}</span>}
          {f.at && <span className="shrink-0">{f.why && "· "}{f.atWord} <Time at={f.at} ahead={f.ahead} /></span>}
        </span>
      </span>
      <ChevronRight size={16} aria-hidden className="shrink-0 text-muted" />
    </Link>
  );
}
