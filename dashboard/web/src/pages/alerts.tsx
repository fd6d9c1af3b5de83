import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Send } from "lucide-react";
import type { ReactNode } from "react";
import { answer, api, type Shape } from "../api/client";
import { usePermissions } from "../api/session";
import { duration } from "../format/duration";
import { bytes, count, percent } from "../format/number";
import { useLive, useRefetch } from "../live/live";
import { text } from "../text";
import { Button } from "../ui/button";
import { Code } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Page, Section } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { nothing, Table, type Column } from "../ui/table";
import { Since, Time } from "../ui/time";
import { Tooltip } from "../ui/tooltip";
import { useHistory, type Past } from "./alerts/history";

const t = text.alerts;
type Alert = Shape<"Alert">;

const tones = { ok: "good", pending: "warn", firing: "danger", resolving: "warn", unknown: "plain" } as const;
const order = ["firing", "resolving", "pending", "unknown", "ok"];

/** A value in the unit of its rule. */
function shown(v: number, unit: string): string {
  switch (unit) {
    case "ms": return duration(v);
    case "ratio": return percent(v);
    case "bytes": return bytes(v);
    default: return count(v);
  }
}

/** How every rule stands, what it watches, and where what it tells of is mended. */
export default function Alerts() {
  const { may } = usePermissions();
  // Values change by themselves; the rules are judged every 15 s.
  const every = useRefetch("by nobody", 10_000);
  const list = useQuery({ queryKey: ["alerts"], refetchInterval: every, placeholderData: keepPreviousData, queryFn: ({ signal }) => answer(api.GET("/api/symphony/alerts", { signal })) });
  const test = useMutation({ mutationFn: () => answer(api.POST("/api/symphony/alerts/test", {})) });
  const alerts = [...(list.data?.alerts ?? [])].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const firing = alerts.filter((a) => a.firing).length;
  return (
    <Page
      title={t.title} lead={t.lead}
      actions={may("admin") && <Button icon={<Send size={14} aria-hidden />} busy={test.isPending} onClick={() => test.mutate()}>{t.test}</Button>}
    >
      {list.error && <ErrorNote error={list.error} retry={() => void list.refetch()} />}
      {test.error && <ErrorNote error={test.error} />}
      {list.data && !list.data.enabled && (
        <Callout tone="warn">
          <p>{t.disabled}</p>
          <p className="pt-2 pb-1">{t.enable}</p>
          <Code>{"alerts:\n  enabled: true\n  webhooks:\n    - url: https://hooks.example.com/symphony\n      secrets: [whsec_YOUR_SECRET]"}</Code>
        </Callout>
      )}
      {list.data?.enabled && <p role="status" className={firing > 0 ? "font-semibold text-danger" : "text-muted"}>{firing > 0 ? t.firing(firing) : t.fine}</p>}
      {list.isPending ? !list.error && <div key="loading" className="card"><Loading lines={6} /></div> : !(list.error && !list.data) && (
        <div key="rules" className="card min-w-0">
          {alerts.length > 0 ? <Table label={t.table} columns={list.data?.enabled ? judged : unjudged} rows={alerts} rowKey={(a) => `${a.rule}/${a.transport}`} /> : <Empty title={t.none} />}
        </div>
      )}
      {/* Once it is known what stands above it, which would move it. */}
      {!list.isPending && <History />}
      {test.data && (
        <Dialog title={t.testTitle} onClose={test.reset} footer={<Button onClick={test.reset}>{text.shared.close}</Button>}>
          {test.data.webhooks.length === 0 ? <p>{t.noWebhook}</p> : (
            <div className="flex flex-col gap-3">
              <p>{t.testLead}</p>
              <ul className="flex flex-col gap-2">
                {test.data.webhooks.map((w, i) => (
                  <li key={i} className="flex min-w-0 flex-col gap-1 rounded-md border border-line p-3">
                    <span className="flex min-w-0 items-center gap-2"><Badge tone={w.delivered ? "good" : "danger"}>{w.delivered ? t.delivered : t.failed}</Badge><span className="min-w-0 font-mono text-xs foreign">{w.webhook}</span></span>
                    {w.error && <span className="text-sm text-danger foreign">{w.error}</span>}
                  </li>
                ))}
              </ul>
            </div>
          )}
        </Dialog>
      )}
    </Page>
  );
}

const columns = (states: typeof t.states, why: typeof t.statesWhy): Column<Alert>[] => [
  {
    id: "rule", name: t.columns.rule, width: "minmax(14rem,3fr)", phone: "title",
    cell: (a) => (
      <span className="flex min-w-0 flex-col gap-0.5 whitespace-normal">
        <span className="font-medium">{t.rules[a.rule] ?? a.rule}</span>
        <span className="line-clamp-2 text-xs text-muted foreign" title={a.text}>{a.text}</span>
      </span>
    ),
  },
  { id: "state", name: t.columns.state, width: "8.5rem", cell: (a) => <Tooltip text={why[a.state]}><span tabIndex={0} className="inline-flex align-top"><Badge tone={tones[a.state]}>{states[a.state]}</Badge></span></Tooltip> },
  { id: "where", name: t.columns.where, width: "minmax(5rem,1fr)", cell: (a) => <span className="foreign" title={a.transport}>{a.transport}{a.queue ? ` / ${a.queue}` : ""}</span> },
  { id: "value", name: t.columns.value, width: "6rem", align: "right", cell: (a) => (a.state === "unknown" ? <span className="text-muted">–</span> : <span className={a.value >= a.threshold ? "font-semibold text-danger" : ""}>{shown(a.value, a.unit)}</span>) },
  {
    id: "threshold", name: t.columns.threshold, width: "7.5rem", align: "right",
    cell: (a) => <span className="flex flex-col max-sm:items-end">{shown(a.threshold, a.unit)}<span className="text-xs text-muted">{t.clears(shown(a.clear, a.unit))}</span></span>,
  },
  {
    id: "since", name: t.columns.since, width: "10.5rem",
    cell: (a) => (
      <span className="flex flex-col max-sm:items-end">
        {!a.since ? <span className="text-muted">{t.never}</span> : a.firing ? <span>{t.began} <Since at={a.since} /></span> : <span>{t.ended} <Time at={a.since} /></span>}
        {a.undelivered > 0 ? <span className="text-xs whitespace-normal text-danger">{t.undelivered(a.undelivered)}</span> : a.toldAt && <span className="text-xs text-muted">{t.told} <Time at={a.toldAt} /></span>}
      </span>
    ),
  },
  { id: "mend", name: t.columns.mend, width: "9.5rem", cell: (a) => <Mend alert={a} /> },
];
const judged = columns(t.states, t.statesWhy), unjudged = columns(t.unjudged, t.unjudgedWhy);

const h = t.history;
const pastColumns: Column<Past>[] = [
  { id: "rule", name: h.columns.rule, width: "minmax(12rem,2fr)", phone: "title", cell: (p) => t.rules[p.rule] ?? p.rule },
  { id: "where", name: h.columns.where, width: "minmax(6rem,1fr)", cell: (p) => <span className="foreign">{p.transport}{p.queue ? ` / ${p.queue}` : ""}</span> },
  { id: "value", name: h.columns.value, width: "7rem", align: "right", cell: (p) => (p.value === undefined ? nothing : shown(p.value, p.unit)) },
  { id: "began", name: h.columns.began, width: "8rem", cell: (p) => <Time at={p.began} /> },
  { id: "ended", name: h.columns.ended, width: "8rem", cell: (p) => (p.ended ? <Time at={p.ended} /> : <span className="text-danger">{h.on}</span>) },
  { id: "lasted", name: h.columns.lasted, width: "7rem", align: "right", cell: (p) => (p.ended ? duration(Date.parse(p.ended) - Date.parse(p.began)) : <Since at={p.began} />) },
];

/** What fired and ended, as far back as events are kept. */
function History() {
  const past = useHistory();
  const paused = useLive().state === "paused";
  return (
    <Section title={h.title}>
      {past && past.length > 0 ? <Table label={h.title} columns={pastColumns} rows={past} rowKey={(p) => p.alert} /> : <p className="p-4 text-sm text-muted">{past ? h.none : paused ? h.paused : text.shared.loading}</p>}
      <p className="border-t border-line px-4 py-2 text-xs text-muted">{h.note}</p>
    </Section>
  );
}

/** The page on which something is done about it. */
function Mend({ alert: a }: { alert: Alert }): ReactNode {
  const name = t.mend[a.rule];
  switch (a.rule) {
    case "dead_letters_growing": case "error_rate": return <Link to="/failed" search={{ transport: a.transport }} className="link">{name}</Link>;
    case "regression": return <Link to="/failed" search={{ transport: a.transport, state: "regressed" }} className="link">{name}</Link>;
    case "oldest_message_too_old": return a.queue ? <Link to="/queue" search={{ transport: a.transport, queue: a.queue }} className="link">{name}</Link> : <Link to="/queues" className="link">{text.frame.nav.queues}</Link>;
    case "no_workers": return <Link to="/workers" className="link">{name}</Link>;
    case "storage_bytes": return <Link to="/settings" className="link">{name}</Link>;
    default: return null;
  }
}
