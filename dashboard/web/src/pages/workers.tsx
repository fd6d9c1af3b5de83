import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CirclePause, CirclePlay } from "lucide-react";
import { useState } from "react";
import { answer, api, type Shape } from "../api/client";
import { usePermissions } from "../api/session";
import { workersQuery } from "../api/workers";
import { duration } from "../format/duration";
import { bytes, count } from "../format/number";
import { useRefetch } from "../live/live";
import { text } from "../text";
import { Button } from "../ui/button";
import { Code, CopyButton } from "../ui/copy";
import { FormDialog } from "../ui/dialog";
import { Facts, Figure, Page, Section } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { Since, Time, useNow } from "../ui/time";
import { say } from "../ui/toast";
import { Tooltip } from "../ui/tooltip";
import { Rows } from "./workers/rows";

const t = text.workers;
type Node = Shape<"NodeDetail">;
type Worker = Shape<"NodeWorker">;
type Work = Shape<"AtWork">;

/** Nodes tell of themselves every ten seconds. */
const late = 30_000;

export default function Workers() {
  const every = useRefetch("by nobody");
  const nodes = useQuery({ queryKey: ["workers", "nodes"], queryFn: ({ signal }) => answer(api.GET("/api/symphony/nodes", { signal })), refetchInterval: every, placeholderData: keepPreviousData });
  const all = useQuery({ ...workersQuery, refetchInterval: every, placeholderData: keepPreviousData });
  const list = nodes.data?.nodes ?? [];
  const others = all.data?.others ?? [];
  const sum = (of: (n: Node) => number) => list.reduce((n, node) => n + of(node), 0);
  const breakers = sum((n) => n.breakers?.length ?? 0);
  const outages = sum((n) => n.workers.reduce((m, w) => m + (w.outages?.length ?? 0), 0));
  return (
    <Page title={t.title} lead={t.lead} actions={nodes.data && <Steer nodes={list} />}>
      {nodes.error && <ErrorNote error={nodes.error} retry={() => void nodes.refetch()} />}
      {nodes.isPending && <div className="card"><Loading lines={6} /></div>}
      {nodes.data && list.length > 0 && (
        <div className="grid grid-cols-2 gap-3 lg:grid-cols-5">
          <Figure name={t.figures.nodes} value={count(list.length)} />
          <Figure name={t.figures.busy} value={count(sum((n) => n.processing))} note={t.figures.capacity(sum((n) => n.concurrency))} />
          <Figure name={t.figures.others} value={count(others.reduce((n, o) => n + o.processing, 0))} note={t.figures.othersNote} />
          <Figure name={t.figures.breakers} value={count(breakers)} tone={breakers > 0 ? "warn" : undefined} />
          <Figure name={t.figures.outages} value={count(outages)} tone={outages > 0 ? "danger" : undefined} />
        </div>
      )}
      {nodes.data && list.length === 0 && <div className="card"><None /></div>}
      {list.map((n) => <OneNode key={n.id} node={n} />)}
      {all.error && <ErrorNote error={all.error} retry={() => void all.refetch()} />}
      {all.data && <Others list={others} more={all.data.more} />}
      <Seen here={new Set([...list.flatMap((n) => n.workers.map((w) => w.name)), ...others.map((o) => o.worker)])} />
    </Page>
  );
}

/** Stops and starts the workers of all nodes, or of one. */
function Steer({ nodes, node }: { nodes: Node[]; node?: Node }) {
  const client = useQueryClient();
  const { may } = usePermissions();
  const [asked, setAsked] = useState(false);
  const path = { params: { path: { id: node?.id ?? "" } } };
  const done = (a: { message: string }) => {
    say(a.message);
    setAsked(false);
    return client.invalidateQueries({ queryKey: ["workers"] });
  };
  const stop = useMutation({
    mutationFn: () => (node ? answer(api.POST("/api/symphony/nodes/{id}/workers/stop", path)) : answer(api.POST("/api/symphony/workers/stop"))), onSuccess: done,
  });
  const start = useMutation({
    mutationFn: () => (node ? answer(api.POST("/api/symphony/nodes/{id}/workers/start", path)) : answer(api.POST("/api/symphony/workers/start"))), onSuccess: done,
    onError: (e) => say(e.message, "danger"),
  });
  if (!may("operate") || nodes.length === 0 || (node && !node.steerable)) return null;
  const running = nodes.some((n) => n.workers.some((w) => w.running));
  const stopped = nodes.some((n) => n.stopped || n.workers.some((w) => w.stopReason === "stop_requested"));
  return (
    <>
      {stopped && <Button icon={<CirclePlay size={14} aria-hidden />} busy={start.isPending} onClick={() => start.mutate()}>{node ? t.actions.startOne : t.actions.start}</Button>}
      {running && <Button kind={node ? "plain" : "danger"} icon={<CirclePause size={14} aria-hidden />} onClick={() => setAsked(true)}>{node ? t.actions.stopOne : t.actions.stop}</Button>}
      {asked && (
        <FormDialog title={node ? t.actions.stopOneTitle : t.actions.stopTitle} kind="danger" onClose={() => setAsked(false)} onSubmit={() => stop.mutate()}
          submit={node ? t.actions.stopOne : t.actions.stop} busy={stop.isPending} error={stop.error}>
          <p className="foreign">{node ? t.actions.stopOneText(node.name) : t.actions.stopText(nodes.length)}</p>
        </FormDialog>
      )}
    </>
  );
}

/** How much of what can be at work is. */
function Use({ busy, most }: { busy: number; most: number }) {
  const share = most > 0 ? Math.min(1, busy / most) : 0;
  return (
    <span className="inline-flex items-center gap-2 tabular">
      <svg width="64" height="8" viewBox="0 0 64 8" role="img" aria-label={t.node.use(busy, most)}>
        <rect width="64" height="8" rx="2" fill="var(--hover)" />
        <rect width={64 * share} height="8" rx="2" fill={share >= 1 ? "var(--warn)" : "var(--processing)"} />
      </svg>
      {count(busy)} / {count(most)}
    </span>
  );
}

function OneNode({ node: n }: { node: Node }) {
  const now = useNow();
  const work = n.workers.flatMap((w) => (w.atWork ?? []).map((a) => ({ ...a, transport: w.transport, worker: w.name })));
  const outages = n.workers.flatMap((w) => (w.outages ?? []).map((o) => ({ ...o, worker: w.name })));
  return (
    <Section
      title={
        <span className="inline-flex flex-wrap items-center gap-2 foreign">
          {n.name}{n.self && <Badge>{t.node.self}</Badge>}{n.stopped && <Badge tone="warn">{t.node.stopped}</Badge>}
          {now - Date.parse(n.seenAt) > late && <Badge tone="danger">{t.node.late}</Badge>}
        </span>
      }
      actions={<Steer nodes={[n]} node={n} />}
    >
      <div className="grid items-start sm:grid-cols-2">
        <Facts rows={[[t.node.version, n.version], [t.node.started, <Time at={n.startedAt} />], [t.node.seen, <Time at={n.seenAt} />]]} />
        <Facts rows={[
          [t.node.capacity, <Use busy={n.processing} most={n.concurrency} />], !!n.memory && [t.node.memory, bytes(n.memory)],
          [t.node.id, <span className="inline-flex items-center gap-1 font-mono text-xs">{n.id}<CopyButton value={n.id} label={`${text.shared.copy}: ${t.node.id}`} /></span>],
        ]} />
      </div>
      {!n.steerable && <p className="px-4 pb-3 text-xs text-muted">{t.node.old}</p>}
      {outages.map((o) => (
        <div key={o.worker + o.call} className="px-4 pb-3">
          <Callout tone="danger">{t.outage(o.call)} (<Since at={o.since} />): <span className="foreign">{o.error}</span> <span className="text-muted">{o.worker}</span></Callout>
        </div>
      ))}
      {n.breakers?.map((b) => (
        <div key={b.handler} className="px-4 pb-3">
          <Callout tone="warn">
            <span className="font-semibold foreign">{b.handler}</span>: {t.breaker[b.state]}, {t.breaker.failures(b.failures)}, {t.breaker.opened} <Time at={b.openedAt} />, {t.breaker.probe} <Time at={b.probeAt} ahead />
          </Callout>
        </div>
      ))}
      <WorkersOf list={n.workers} />
      <AtWork list={work} />
    </Section>
  );
}

function WorkersOf({ list }: { list: Worker[] }) {
  const w = t.worker;
  if (list.length === 0) return <p className="border-t border-line p-4 text-muted">{t.node.idle}</p>;
  return (
    <Rows label={t.title} rows={list} rowKey={(r) => r.transport + r.name} columns={[
      { name: w.name, cell: (r) => <span className="font-mono text-xs foreign">{r.name}</span>, title: true },
      { name: w.transport, cell: (r) => <span className="foreign">{r.transport}</span> },
      { name: w.busy, cell: (r) => <Use busy={r.processing} most={r.concurrency} /> },
      { name: w.buffered, cell: (r) => count(r.buffered), right: true },
      { name: w.succeeded, cell: (r) => count(r.succeeded), right: true },
      { name: w.failed, cell: (r) => <span className={r.failed > 0 ? "text-failed" : ""}>{count(r.failed)}</span>, right: true },
      { name: w.last, cell: (r) => <Time at={r.lastEndedAt} /> },
      { name: w.state, cell: (r) => (
        <span>
          {r.running ? <span className="text-completed">{w.running}</span> : <span className="text-warn">{w.reasons[r.stopReason ?? ""] ?? w.ended}</span>}
          {!!r.unsettled && <span className="block text-xs text-warn">{w.unsettled(r.unsettled)}</span>}
        </span>
      ) },
    ]} />
  );
}

function AtWork({ list }: { list: (Work & { transport: string; worker: string })[] }) {
  const w = t.work;
  const order = [...list].sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
  return (
    <div className="border-t border-line">
      <h3 className="px-4 pt-3 text-sm font-semibold">{w.title} {order.length > 0 && <span className="text-xs font-normal text-muted">{w.most}</span>}</h3>
      {order.length === 0 ? <p className="px-4 pt-1 pb-3 text-muted">{w.none}</p> : (
        <Rows label={w.title} rows={order} rowKey={(r) => r.messageId + r.worker} columns={[
          { name: w.message, cell: (r) => <MessageLink id={r.messageId} transport={r.transport} />, title: true },
          { name: w.type, cell: (r) => <Link to="/type" search={{ type: r.type }} className="link foreign">{r.type}</Link> },
          { name: w.queue, cell: (r) => <Link to="/queue" search={{ transport: r.transport, queue: r.queue }} className="link foreign">{r.queue}</Link> },
          { name: w.attempt, cell: (r) => count(r.attempt), right: true },
          { name: w.since, cell: (r) => <Since at={r.since} />, right: true },
          { name: w.worker, cell: (r) => (
            <span className="inline-flex flex-wrap gap-2"><span className="font-mono text-xs foreign">{r.worker}</span>
              {r.lost && <Tooltip text={w.lostWhy}><span tabIndex={0}><Badge tone="danger">{w.lost}</Badge></span></Tooltip>}</span>
          ) },
        ]} />
      )}
    </div>
  );
}

function MessageLink({ id, transport }: { id: string; transport: string }) {
  return <Link to="/messages/$id" params={{ id }} search={{ transport }} className="link font-mono text-xs">{id}</Link>;
}

function Others({ list, more }: { list: Shape<"OtherLease">[]; more?: boolean }) {
  const o = t.others;
  return (
    <Section title={o.title}>
      {list.length === 0 ? <p className="p-4 text-muted">{o.none}</p> : (
        <Rows label={o.title} rows={list} rowKey={(r) => r.transport + r.worker} columns={[
          { name: o.name, cell: (r) => <span className="foreign">{r.worker}</span>, title: true },
          { name: t.worker.transport, cell: (r) => <span className="foreign">{r.transport}</span> },
          { name: o.messages, cell: (r) => count(r.processing), right: true },
          { name: o.oldest, cell: (r) => <span className="inline-flex flex-wrap gap-x-2"><MessageLink id={r.oldest.messageId} transport={r.transport} /><span className="text-muted foreign">{r.oldest.type}</span></span> },
          { name: t.work.since, cell: (r) => <Since at={r.oldest.since} />, right: true },
          { name: o.until, cell: (r) => <Time at={r.leasedUntil} ahead /> },
        ]} />
      )}
      {more && <p className="px-4 py-2 text-xs text-muted">{o.more}</p>}
    </Section>
  );
}

/** Who has ended attempts lately: pull workers among them, which tell of themselves only while they have messages. */
function Seen({ here }: { here: ReadonlySet<string> }) {
  const s = t.seen;
  const { data, error } = useQuery({
    queryKey: ["metrics", "workers"],
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/metrics", { params: { query: { minutes: 60, groupBy: "worker", step: 60 } }, signal })),
    refetchInterval: useRefetch("by nobody", 15_000), placeholderData: keepPreviousData,
  });
  const list = data?.groups ?? [];
  return (
    <Section title={s.title}>
      {error ? <ErrorNote error={error} /> : !data ? <Loading /> : list.length === 0 ? <p className="p-4 text-muted">{s.none}</p> : (
        <Rows label={s.title} rows={list} rowKey={(r) => (r.transport ?? "") + r.name} columns={[
          { name: s.name, cell: (r) => <span className="inline-flex flex-wrap items-center gap-2"><span className="font-mono text-xs foreign">{r.name}</span>{here.has(r.name) && <Badge tone="good">{s.now}</Badge>}</span>, title: true },
          { name: t.worker.transport, cell: (r) => <span className="foreign">{r.transport ?? text.shared.nothing}</span> },
          { name: s.ended, cell: (r) => count(r.processed), right: true },
          { name: s.succeeded, cell: (r) => count(r.succeeded), right: true },
          { name: s.failed, cell: (r) => <span className={r.failed > 0 ? "text-failed" : ""}>{count(r.failed)}</span>, right: true },
          { name: s.p95, cell: (r) => duration(r.p95), right: true },
        ]} />
      )}
    </Section>
  );
}

function None() {
  const body = `{"queues": ["default"], "max": 10, "wait": 20000, "worker": "my-worker"}`;
  const url = `${location.origin}/api/symphony/receive`;
  return (
    <Empty title={t.empty.title}>
      <p>{t.empty.text}</p>
      <Code label="curl">{`curl ${url} -H 'Authorization: Bearer YOUR_API_KEY' \\
  -H 'Content-Type: application/json' -d '${body}'`}</Code>
      <Code label="Go">{`err := c.Pull(ctx, client.PullOptions{Queues: []string{"default"}}, handle)`}</Code>
      <Code label="TypeScript">{`const { messages } = await (await fetch("${url}", {
  method: "POST",
  headers: { Authorization: "Bearer YOUR_API_KEY", "Content-Type": "application/json" },
  body: JSON.stringify(${body}),
})).json();`}</Code>
    </Empty>
  );
}
