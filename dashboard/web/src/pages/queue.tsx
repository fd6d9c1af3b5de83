import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { CirclePause, Send, Trash2, Unplug } from "lucide-react";
import { useMemo, useState } from "react";
import { queuesQuery, type QueueRow } from "../api/names";
import { usePermissions } from "../api/session";
import { duration } from "../format/duration";
import { count, pace, percent, short } from "../format/number";
import { useRefetch } from "../live/live";
import { one, type Search } from "../search";
import { text } from "../text";
import { Button } from "../ui/button";
import { FirstDispatch } from "../ui/first-dispatch";
import { Figure, Page, Section } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { Table, type Column } from "../ui/table";
import { Time, useNow } from "../ui/time";
import { unasked, useWorkers, workersOn, type WorkerOn } from "./queues/workers";
import { SeriesSection } from "./series/series-chart";
import { HoldBadges, HoldDialog, HoldNotes } from "./steering/holds";
import { LimitsSection } from "./steering/limits";
import { OldestSection } from "./steering/oldest";
import { PurgeDialog } from "./steering/purge";

const t = text.queues.detail;

/** One queue: how it does, what waits, and what stops and limits it. */
export default function Queue() {
  const search: Search = useSearch({ strict: false });
  const [transport, queue] = [one(search.transport), one(search.queue)];
  if (!transport || !queue) return <Page title={text.queues.title}><Callout tone="warn">{t.missing}</Callout></Page>;
  // A queue of another name is another page: no dialog of this one stays open.
  return <One key={`${transport}/${queue}`} transport={transport} queue={queue} />;
}

function One({ transport, queue }: { transport: string; queue: string }) {
  const { may } = usePermissions();
  const refetchInterval = useRefetch("by nobody", 5000);
  const { data, error, refetch } = useQuery({ ...queuesQuery, refetchInterval, placeholderData: keepPreviousData });
  const [open, setOpen] = useState<"pause" | "drain" | "purge">();
  const of = useMemo(() => ({ transport, queue }), [transport, queue]);
  const row = data?.rows.find((r) => r.transport === transport && r.queue === queue);
  const holds = useMemo(() => (row?.holds ?? []).map((h) => ({ ...h, transport })), [row, transport]);
  const own = holds.find((h) => h.queue === queue);
  const close = () => setOpen(undefined);
  return (
    <Page
      title={queue}
      heading={<span className="inline-flex max-w-full flex-wrap items-center gap-2"><span className="min-w-0 foreign">{queue}</span><HoldBadges holds={holds} /></span>}
      lead={<>{t.transport} <span className="foreign">{transport}</span> · <Link to="/messages" search={of} className="link">{t.all}</Link></>}
      actions={
        <>
          {may("dispatch") && <Link to="/send" search={of} className="inline-flex min-h-8 items-center gap-1.5 rounded-md border border-strong/50 bg-surface px-2.5 py-1 text-sm font-medium hover:bg-hover"><Send size={14} aria-hidden />{t.send}</Link>}
          {may("operate") && own?.mode !== "paused" && <Button icon={<CirclePause size={14} aria-hidden />} onClick={() => setOpen("pause")}>{text.steering.hold.pause}…</Button>}
          {may("operate") && own?.mode !== "draining" && <Button icon={<Unplug size={14} aria-hidden />} onClick={() => setOpen("drain")}>{text.steering.hold.drain}…</Button>}
          {may("admin") && <Button kind="danger" icon={<Trash2 size={14} aria-hidden />} refused={data && !row?.pending ? text.steering.purge.nothing : undefined} onClick={() => setOpen("purge")}>{text.steering.purge.action}…</Button>}
        </>
      }
    >
      {error && <ErrorNote error={error} retry={() => void refetch()} />}
      {!data && !error && <Loading lines={8} />}
      {data && (
        <>
          <HoldNotes holds={holds} waiting={row?.pending} />
          {row ? <Figures row={row} /> : <div className="card"><Empty title={t.unseen}><FirstDispatch queue={queue} transport={transport === "default" ? undefined : transport} /></Empty></div>}
          {row && <SeriesSection of={of} />}
          {row && <OldestSection of={of} />}
          <LimitsSection limits={row?.limits ?? []} own={of} />
          <Workers transport={transport} queue={queue} />
        </>
      )}
      {(open === "pause" || open === "drain") && <HoldDialog mode={open} targets={[of]} waiting={row?.pending} onClose={close} />}
      {open === "purge" && <PurgeDialog transport={transport} queue={queue} waiting={row?.pending ?? 0} onClose={close} />}
    </Page>
  );
}

function Figures({ row }: { row: QueueRow }) {
  const f = row.figures;
  const idle = unasked(row, useNow());
  const of = { transport: row.transport, queue: row.queue };
  const link = (status: string, n: number) => <Link to="/messages" search={{ ...of, status }} className="hover:underline">{count(n)}</Link>;
  return (
    <>
      {idle && <Callout tone="danger">{text.queues.noWorkersSince} <Time at={idle} />. <Link to="/workers" className="link">{text.frame.nav.workers}</Link></Callout>}
      <div className="grid grid-cols-2 sm:grid-cols-4 gap-2">
        <Figure name={t.figures.waiting} value={link("pending", row.pending)} note={row.scheduledMessages > 0 ? text.queues.scheduled(row.scheduledMessages) : undefined} />
        <Figure name={t.figures.running} value={link("processing", row.processing)} />
        <Figure name={t.figures.oldest} value={row.oldestPendingAge > 0 ? duration(row.oldestPendingAge) : text.shared.nothing} />
        {f && <Figure name={t.figures.in} value={short(f.dispatched)} note={t.lastHour} />}
        {f && <Figure name={t.figures.out} value={pace(f.throughput)} note={t.lastHour} />}
        {f && <Figure name={t.figures.wait} value={f.processed > 0 ? duration(f.waiting.p95) : text.shared.nothing} note={t.lastHour} />}
        {f && <Figure name={t.figures.failing} value={f.processed > 0 ? percent(f.failureRate) : text.shared.nothing} note={t.of(f.failed, f.processed)} tone={f.failureRate >= 0.25 && f.failed > 4 ? "danger" : undefined} />}
        <Figure name={t.figures.failed} value={<Link to="/failed" search={of} className="hover:underline">{count(row.failed)}</Link>} note={t.since(short(row.completed))} />
      </div>
    </>
  );
}

const columns: Column<WorkerOn>[] = [
  {
    id: "worker", name: t.worker, phone: "title", width: "minmax(10rem,2fr)",
    cell: (w) => <span className="inline-flex max-w-full items-center gap-1"><span className="truncate foreign" title={w.name}>{w.name}</span>{!w.running && <Badge>{t.stopped}</Badge>}</span>,
  },
  { id: "node", name: t.node, cell: (w) => <span className="foreign">{w.node}</span> },
  { id: "at", name: t.at, align: "right", width: "8rem", cell: (w) => `${count(w.processing)} / ${count(w.concurrency)}` },
  { id: "handled", name: t.handled, align: "right", width: "8rem", cell: (w) => count(w.succeeded + w.failed) },
];

function Workers({ transport, queue }: { transport: string; queue: string }) {
  const { data, error } = useWorkers();
  const list = data && workersOn(data.nodes, { transport, queue });
  return (
    <Section title={t.workers} actions={<Link to="/workers" className="link text-sm">{text.frame.nav.workers}</Link>}>
      {error && !data ? <p className="p-4 text-sm text-muted">{t.workersHidden}</p> : !list ? <Loading lines={1} /> : list.length === 0
        ? <p className="p-4 text-sm text-muted">{t.noWorkers}</p>
        : <Table label={t.workers} columns={columns} rows={list} rowKey={(w) => `${w.node} ${w.name} ${w.transport}`} />}
    </Section>
  );
}
