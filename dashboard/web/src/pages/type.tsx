import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { CirclePause, Send } from "lucide-react";
import { useMemo, useState } from "react";
import { answer, api, type Shape } from "../api/client";
import type { Json } from "../api/json";
import { usePermissions } from "../api/session";
import { duration } from "../format/duration";
import { count, pace, percent, short } from "../format/number";
import { useRefetch } from "../live/live";
import { one, type Search } from "../search";
import { text } from "../text";
import { Button } from "../ui/button";
import { FirstDispatch } from "../ui/first-dispatch";
import { JsonView } from "../ui/json-view";
import { Facts, Figure, Page, Section } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { Time } from "../ui/time";
import { useWorkers } from "./queues/workers";
import { SeriesSection } from "./series/series-chart";
import { HoldBadges, HoldDialog, HoldNotes } from "./steering/holds";
import { LimitsSection } from "./steering/limits";
import { OldestSection } from "./steering/oldest";
import { isPattern } from "./types";
import { RetryPicture } from "./types/retry-picture";

const t = text.types.detail;
type Row = Shape<"TypeInfo">;

/** One type, or a pattern: what handles it, when it is retried, its schema, and what stops and limits it. */
export default function Type() {
  const search: Search = useSearch({ strict: false });
  const type = one(search.type);
  if (!type) return <Page title={text.types.title}><Callout tone="warn">{t.missing}</Callout></Page>;
  return <One key={type} type={type} />;
}

function One({ type }: { type: string }) {
  const { may } = usePermissions();
  const refetchInterval = useRefetch("by nobody", 10_000);
  const { data, error, refetch } = useQuery({
    queryKey: ["types", "one", type], refetchInterval, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/types", { params: { query: { type, limit: 200 } }, signal })),
  });
  const [pausing, setPausing] = useState(false);
  const pattern = isPattern(type);
  const row = data?.types.find((r) => r.type === type);
  const of = useMemo(() => ({ type }), [type]);
  const others = data?.types.filter((r) => r.type !== type) ?? [];
  // A pattern was seen nowhere: its types may be anywhere.
  const transports = [...new Set([...(row?.transports ?? []), ...others.flatMap((r) => r.transports), ...(row?.retries ?? []).flatMap((r) => r.transports)])];
  const schema = row?.schema ? (data?.schemas as Record<string, Json> | undefined)?.[row.schema] : undefined;
  return (
    <Page
      title={type}
      heading={<span className="inline-flex max-w-full flex-wrap items-center gap-2"><span className="min-w-0 foreign">{type}</span>{pattern && <Badge>{text.types.pattern}</Badge>}{row && <HoldBadges holds={row.holds} />}</span>}
      lead={row && <Seen row={row} of={of} />}
      actions={
        <>
          {may("dispatch") && !pattern && <Link to="/send" search={of} className="inline-flex min-h-8 items-center gap-1.5 rounded-md border border-strong/50 bg-surface px-2.5 py-1 text-sm font-medium hover:bg-hover"><Send size={14} aria-hidden />{text.queues.detail.send}</Link>}
          {may("operate") && <Button icon={<CirclePause size={14} aria-hidden />} onClick={() => setPausing(true)}>{text.steering.hold.pause}…</Button>}
        </>
      }
    >
      {error && <ErrorNote error={error} retry={() => void refetch()} />}
      {!data && !error && <Loading lines={8} />}
      {data && (
        <>
          {row && <HoldNotes holds={row.holds} />}
          {pattern && <p className="text-sm text-muted">{t.patternNote}</p>}
          {!row && <div className="card"><Empty title={t.unseen}><FirstDispatch type={pattern ? undefined : type} /></Empty></div>}
          {row && !pattern && <Figures row={row} />}
          {row && !pattern && <SeriesSection of={of} />}
          {pattern && others.length > 0 && (
            <Section title={t.of}>
              <ul className="flex flex-col p-2">{others.map((r) => <li key={r.type} className="px-2 py-1"><Link to="/type" search={{ type: r.type }} className="link foreign">{r.type}</Link></li>)}</ul>
            </Section>
          )}
          {row && <Handler row={row} />}
          {row && row.retries.length > 0 && (
            <Section title={t.retry}>
              <div className="divide-y divide-line">{row.retries.map((r) => <RetryPicture key={r.transports.join()} retry={r} several={row.retries.length > 1} />)}</div>
              <p className="border-t border-line px-4 py-2 text-xs text-muted">{t.retryNote}</p>
            </Section>
          )}
          <OldestSection of={of} />
          <LimitsSection limits={row?.limits ?? []} own={of} />
          {row && <Section title={t.schema}>{schema !== undefined ? <JsonView value={schema} label={t.schema} /> : <p className="p-4 text-sm text-muted">{t.noSchema}</p>}</Section>}
        </>
      )}
      {pausing && <HoldDialog mode="pause" targets={(transports.length > 0 ? transports : ["default"]).map((transport) => ({ transport, type }))} onClose={() => setPausing(false)} />}
    </Page>
  );
}

function Seen({ row, of }: { row: Row; of: { type: string } }) {
  return (
    <>
      {row.transports.length > 0 && <>{t.transports} <span className="foreign">{row.transports.join(", ")}</span> · </>}
      {row.firstSeen && <>{t.seen} {t.first} <Time at={row.firstSeen} />, {t.last} <Time at={row.lastSeen} /> · </>}
      <Link to="/messages" search={of} className="link">{text.queues.detail.all}</Link> · <Link to="/failed" search={of} className="link">{t.groups}</Link>
    </>
  );
}

function Figures({ row }: { row: Row }) {
  const f = row.figures;
  const refetchInterval = useRefetch("by nobody", 10_000);
  // Of those that have ended well there may be too many to be counted.
  const { data: counted } = useQuery({
    queryKey: ["counts", "type", row.type], refetchInterval, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/messages/counts", { params: { query: { type: row.type, status: ["pending", "processing", "failed"] } }, signal })),
  });
  if (!f) return null;
  const n = text.queues.detail;
  const all = (status: "pending" | "processing" | "failed") => !counted ? text.shared.nothing : (
    <Link to={status === "failed" ? "/failed" : "/messages"} search={status === "failed" ? { type: row.type } : { type: row.type, status }} className="hover:underline"
      title={counted.atLeast ? text.messages.atLeast : undefined}>
      {count(counted.counts[status])}{counted.atLeast && "+"}
    </Link>
  );
  return (
    <div className="grid grid-cols-2 gap-2 sm:grid-cols-4">
      <Figure name={n.figures.waiting} value={all("pending")} />
      <Figure name={n.figures.running} value={all("processing")} />
      <Figure name={n.figures.in} value={short(f.dispatched)} note={n.lastHour} />
      <Figure name={n.figures.out} value={pace(f.throughput)} note={n.lastHour} />
      <Figure name={t.run} value={f.processed > 0 ? duration(f.p95) : text.shared.nothing} note={n.lastHour} />
      <Figure name={n.figures.wait} value={f.processed > 0 ? duration(f.waiting.p95) : text.shared.nothing} note={n.lastHour} />
      <Figure name={n.figures.failing} value={f.processed > 0 ? percent(f.failureRate) : text.shared.nothing} note={n.of(f.failed, f.processed)} tone={f.failureRate >= 0.25 && f.failed > 4 ? "danger" : undefined} />
      <Figure name={n.figures.failed} value={all("failed")} />
    </div>
  );
}

/** What handles the type, and its circuit breakers on all nodes that tell of them. */
function Handler({ row }: { row: Row }) {
  const { data } = useWorkers();
  const handler = row.handler;
  const known = (data?.nodes ?? []).flatMap((n) => (n.breakers ?? []).map((b) => ({ ...b, node: n.name })));
  const mine = (b: { handler: string }) => !!handler && (b.handler === handler.pattern || handler.names.some((n) => b.handler === `${handler.pattern} ${n}`));
  const elsewhere = known.filter(mine);
  const breakers: (Shape<"Breaker"> & { node?: string })[] = elsewhere.length > 0 ? elsewhere : handler?.breakers ?? [];
  if (!handler) return <Section title={t.handler}><p className="p-4 text-sm text-muted">{t.none}</p></Section>;
  return (
    <Section title={t.handler}>
      <Facts
        rows={[
          [t.handledBy, handler.pattern === row.type ? handler.pattern : <Link key="p" to="/type" search={{ type: handler.pattern }} className="link">{handler.pattern}</Link>],
          handler.names.length > 1 && [t.names, handler.names.join(", ")],
          [t.breaker, breakers.length === 0 ? t.closed : (
            <ul key="b" className="flex flex-col gap-1">
              {breakers.map((b) => (
                <li key={`${b.node} ${b.handler}`} className="text-danger">
                  {b.state === "open" ? t.open : t.half} · {t.failures(b.failures)} · {t.opened} <Time at={b.openedAt} /> · {t.probe} <Time at={b.probeAt} ahead />{b.node && <> · {t.node} {b.node}</>}
                </li>
              ))}
            </ul>
          )],
        ]}
      />
    </Section>
  );
}
