import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { Shape } from "../../api/client";
import { usePermissions } from "../../api/session";
import { duration } from "../../format/duration";
import { useRefetch } from "../../live/live";
import { text } from "../../text";
import { Section } from "../../ui/page";
import { StatusBadge } from "../../ui/status";
import { useMessageEvents } from "../message/live";
import { messageQuery } from "../message/load";
import { span } from "../message/state";

const t = text.send.sent;

/** A message that was sent from this page. */
export type SentOne = { type: string; receipt: Shape<"DispatchResponse"> };

/** What was sent, the newest first, and what becomes of it. */
export function Sent({ list }: { list: SentOne[] }) {
  const box = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // It returns a promise in some browsers, which is no way to clean up.
    void box.current?.firstElementChild?.scrollIntoView({ block: "nearest" });
  }, [list]);
  return (
    <Section title={t.title}>
      {list.length === 0 ? <p className="p-4 text-sm text-muted">{t.none}</p> : (
        <ol ref={box} aria-live="polite" className="flex flex-col">
          {/* Only the newest is watched: browsers have few connections. */}
          {list.map((s, i) => <Row key={`${s.receipt.messageId} ${list.length - i}`} sent={s} watched={i === 0} />)}
        </ol>
      )}
    </Section>
  );
}

function Row({ sent, watched }: { sent: SentOne; watched: boolean }) {
  const { can } = usePermissions();
  const r = sent.receipt;
  const often = useRefetch("by nobody", 1000);
  const query = useQuery({
    ...messageQuery(r.messageId, r.transport),
    enabled: can("observe"),
    refetchInterval: (q) => (q.state.data && ["completed", "cancelled", "failed"].includes(q.state.data.status) ? false : often),
  });
  const m = query.data;
  useMessageEvents(r.messageId, watched && m !== undefined && (m.status === "pending" || m.status === "processing"));
  const said = m?.status === "pending" ? m.waiting?.text : m?.status === "failed" ? m.error?.split("\n", 1)[0] : undefined;
  return (
    <li className="flex scroll-mb-16 flex-col gap-1 border-b border-line px-4 py-3 text-sm last:border-b-0">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <span className="min-w-0 truncate font-medium foreign">{sent.type}</span>
        {m && <StatusBadge status={m.status} />}
      </div>
      <Link to="/messages/$id" params={{ id: r.messageId }} search={{ transport: r.transport }} className="link min-w-0 font-mono text-xs foreign">{r.messageId}</Link>
      {m?.status === "completed" && m.startedAt && m.finishedAt && <p className="text-xs text-muted tabular">{duration(span(m.createdAt, m.finishedAt))}</p>}
      {said && <p className="line-clamp-3 text-xs text-muted foreign">{said}</p>}
      {r.duplicate && <p className="text-xs text-warn">{t.duplicate}</p>}
      {r.dropped && <p className="text-xs text-warn">{t.dropped}</p>}
      {r.replaced && <p className="text-xs text-warn">{t.replaced}</p>}
      {r.also && r.also.length > 0 && (
        <p className="text-xs text-muted">{t.also} {r.also.map((a) => <Link key={a.messageId} to="/messages/$id" params={{ id: a.messageId }} search={{ transport: a.transport }} className="link mr-2 foreign">{a.transport}</Link>)}</p>
      )}
    </li>
  );
}
