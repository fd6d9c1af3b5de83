import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { CircleStop, Play } from "lucide-react";
import { useEffect, useState } from "react";
import { answer, api, type Shape } from "../api/client";
import { ApiError } from "../api/errors";
import { usePermissions } from "../api/session";
import { isEmptyFilter, printFilter } from "../filter";
import { duration } from "../format/duration";
import { count, rate } from "../format/number";
import { useLive, useRefetch } from "../live/live";
import { addSample, filterOfOperation, linksOfOperation, speedOf, type Sample } from "../operation";
import { text } from "../text";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Facts, Figure, Page, Section } from "../ui/page";
import { Progress } from "../ui/progress";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { say } from "../ui/toast";
import { Time } from "../ui/time";
import { Who } from "../ui/who";
import { StateBadge } from "./operations";

const t = text.operations;
type Operation = Shape<"Operation">;

export default function OperationPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const live = useLive();
  const rarely = useRefetch("by events", 5000);
  const q = useQuery({
    queryKey: ["operations", id],
    queryFn: async ({ signal }) => (await answer(api.GET("/api/symphony/operations/{id}", { params: { path: { id } }, signal }))).operation,
    // Events come at its steps; while it runs, the page looks each second.
    refetchInterval: (query) => (live.state === "paused" ? false : query.state.data?.state === "running" ? 1000 : rarely),
  });
  const op = q.data;
  if (q.error && !op) {
    const missing = q.error instanceof ApiError && q.error.status === 404;
    return (
      <Page title={t.one}>
        {missing ? <Empty title={t.missing}><Link to="/operations" className="link">{t.title}</Link></Empty> : <ErrorNote error={q.error} retry={() => void q.refetch()} />}
      </Page>
    );
  }
  if (!op) return <Page title={t.one}><Loading lines={6} /></Page>;
  return <Shown op={op} at={q.dataUpdatedAt} error={q.error} />;
}

function Shown({ op, at, error }: { op: Operation; at: number; error: Error | null }) {
  const speed = useSpeed(op, at);
  const moved = op.done + op.skipped;
  const left = op.state === "running" && op.total !== undefined && speed ? Math.max(0, op.total - moved) / speed : undefined;
  const name = t.kind[op.kind] ?? op.kind;
  const ended = op.finishedAt && op.startedAt ? Date.parse(op.finishedAt) - Date.parse(op.startedAt) : undefined;
  return (
    <Page
      title={name} heading={<span className="flex flex-wrap items-center gap-3">{name}<StateBadge state={op.state} /></span>}
      lead={<Link to="/operations" className="link">{t.title}</Link>} actions={<Actions op={op} />}
    >
      {error && <ErrorNote error={error} />}
      {op.unreadable && <Callout tone="warn">{t.unreadable}</Callout>}
      {op.error && (
        <Callout tone={op.state === "failed" ? "danger" : "warn"}>
          <p className="font-medium">{t.error}</p>
          <p className="foreign">{op.error}</p>
        </Callout>
      )}
      <div className="card flex flex-col gap-2 p-4">
        <div className="flex flex-wrap justify-between gap-2 text-sm">
          <span className="font-semibold tabular">{t.progress(moved, op.total)} {op.total !== undefined && op.total > 0 && <span className="text-muted">({Math.floor((Math.min(moved, op.total) / op.total) * 100)}%)</span>}</span>
          {op.total === undefined && <span className="text-muted">{t.counting}</span>}
        </div>
        <Progress done={op.done} skipped={op.skipped} total={op.total} running={op.state === "running"} label={t.bar(moved, op.total)} />
      </div>
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Figure name={t.done} value={count(op.done)} note={t.did[op.kind]} />
        <Figure name={t.skipped} value={count(op.skipped)} note={t.skippedWhy} tone={op.skipped > 0 ? "warn" : undefined} />
        <Figure name={t.speed} value={op.state !== "running" ? (ended && op.done ? rate((op.done * 1000) / Math.max(1, ended)) : "–") : speed === undefined ? "…" : rate(speed)}
          note={op.rate ? t.speedBound(rate(op.rate)) : t.unbounded} />
        {op.state === "running"
          ? <Figure name={t.left} value={left === undefined ? "…" : duration(Math.ceil(left) * 1000)} note={left === undefined ? t.measuring : undefined} />
          : <Figure name={t.took} value={ended === undefined ? "–" : duration(ended)} />}
      </div>
      <Asked op={op} />
    </Page>
  );
}

/** What it was asked for, and the messages that this selects. */
function Asked({ op }: { op: Operation }) {
  const filter = filterOfOperation(op);
  const links = linksOfOperation(op);
  const name = { selects: t.selects, selectsFailed: t.selectsFailed, ...t.outcome };
  return (
    <Section title={t.facts} actions={links.map((l) => <Link key={l.what} to={l.to} search={l.search} className="link text-sm">{name[l.what]}</Link>)}>
      <Facts
        rows={[
          filter && [t.filter, <span key="f" className="font-mono text-xs">{isEmptyFilter({ ...filter, transport: undefined }) ? t.everything : printFilter({ ...filter, transport: undefined })}</span>],
          op.selected !== undefined && [t.ids, t.byHand(op.selected)],
          [t.transport, op.transport],
          op.set && op.set.length > 0 && [t.set, op.set.join(", ")],
          op.reason && [t.reason, op.reason],
          [t.rate, op.rate ? t.speedBound(rate(op.rate)) : t.unbounded],
          [t.by, op.by && <Who key="by" id={op.by} />],
          [t.created, <Time key="c" at={op.createdAt} exact />],
          op.startedAt && [t.started, <Time key="s" at={op.startedAt} exact />],
          [t.updated, <Time key="u" at={op.updatedAt} exact />],
          op.finishedAt && [t.finished, <Time key="e" at={op.finishedAt} exact />],
          op.node && [t.node, op.node],
          [t.id, <span key="i" className="inline-flex items-center gap-1 font-mono text-xs">{op.id}<CopyButton value={op.id} label={`${text.shared.copy}: ${t.id}`} /></span>],
        ]}
      />
    </Section>
  );
}

function Actions({ op }: { op: Operation }) {
  const { may, can } = usePermissions();
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: async (what: "stop" | "resume") => {
      const params = { params: { path: { id: op.id } } };
      return (await answer(what === "stop" ? api.POST("/api/symphony/operations/{id}/stop", params) : api.POST("/api/symphony/operations/{id}/resume", params))).operation;
    },
    onSuccess: (now, what) => {
      client.setQueryData(["operations", op.id], now);
      void client.invalidateQueries({ queryKey: ["operations"] });
      say(what === "stop" ? t.stopped : t.resumed);
    },
    onError: (e) => {
      say(e instanceof Error ? e.message : text.shared.failed, "danger");
      void client.invalidateQueries({ queryKey: ["operations"] });
    },
  });
  if (op.state === "completed" || (!may("operate") && can("operate"))) return null;
  const refused = may("operate") ? undefined : text.shared.needsScope("operate");
  return op.state === "running"
    ? <Button icon={<CircleStop size={14} aria-hidden />} busy={act.isPending} refused={refused} title={t.stopping} onClick={() => act.mutate("stop")}>{t.stop}</Button>
    : <Button kind="primary" icon={<Play size={14} aria-hidden />} busy={act.isPending} refused={refused} onClick={() => act.mutate("resume")}>{op.state === "failed" ? t.again : t.resume}</Button>;
}

/** How many messages a second it has done lately, as far as the page has seen. */
function useSpeed(op: Operation, at: number): number | undefined {
  const [samples, setSamples] = useState<Sample[]>([]);
  useEffect(() => {
    setSamples((s) => (op.state === "running" ? addSample(s, { at, done: op.done + op.skipped }) : []));
  }, [at, op.done, op.skipped, op.state]);
  return speedOf(samples);
}
