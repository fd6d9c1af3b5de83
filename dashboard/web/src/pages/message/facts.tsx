import { Link } from "@tanstack/react-router";
import { ExternalLink } from "lucide-react";
import { useSession } from "../../api/session";
import { duration } from "../../format/duration";
import { count } from "../../format/number";
import { text } from "../../text";
import { CopyButton } from "../../ui/copy";
import { Facts, Section } from "../../ui/page";
import { Badge } from "../../ui/status";
import { Time } from "../../ui/time";
import { Who } from "../../ui/who";
import { traceId, type Whole } from "./load";

const t = text.message.facts;

/** All that is known of a message beside what it carries. */
export function About({ m, group }: { m: Whole; group?: string }) {
  const { traceUrl } = useSession();
  const trace = traceId(m.headers);
  const at = (time: string | undefined, ahead = false) => time && <Time at={time} exact ahead={ahead} />;
  const copied = (value: string | undefined) => value && <span className="inline-flex max-w-full items-center gap-1"><span className="min-w-0 font-mono text-xs foreign">{value}</span><CopyButton value={value} /></span>;
  const delays = m.retryDelay === undefined ? undefined : [m.retryDelay].flat().map(duration).join(", ");
  return (
    <Section title={t.title}>
      <Facts rows={[
        [text.message.id, copied(m.id)],
        [t.type, <Link to="/type" search={{ type: m.message.type }} className="link foreign">{m.message.type}</Link>],
        [t.queue, <Link to="/queue" search={{ transport: m.transport, queue: m.queue }} className="link foreign">{m.queue}</Link>],
        [t.transport, <span className="foreign">{m.transport}</span>],
        [t.priority, count(m.priority)],
        [t.created, at(m.createdAt)],
        [t.scheduled, at(m.scheduledAt, true)],
        [t.available, m.status === "pending" && m.availableAt !== m.createdAt ? at(m.availableAt, true) : undefined],
        [t.started, at(m.startedAt)],
        [t.lease, at(m.leasedUntil, true)],
        [t.finished, at(m.finishedAt)],
        [t.expires, at(m.expiresAt, true)],
        [t.worker, m.worker],
        [t.attempts, count(m.attempt)],
        [t.retries, m.maxRetries === undefined ? undefined : count(m.maxRetries)],
        [t.retryDelay, delays],
        [t.timeout, m.timeout === undefined ? undefined : duration(m.timeout)],
        [t.retention, m.retention === undefined ? undefined : duration(m.retention)],
        [t.errorClass, m.errorClass && (group
          ? <Link to="/failed/group" search={{ transport: m.transport, group }} className="link font-mono text-xs">{m.errorClass}</Link>
          : <code className="font-mono text-xs">{m.errorClass}</code>)],
        [t.failedId, copied(m.failedId)],
        [t.tags, m.tags && m.tags.length > 0 && (
          <span className="flex flex-wrap gap-1">{m.tags.map((g) => <Link key={g} to="/messages" search={{ tag: g }}><Badge><span className="max-w-40 truncate foreign">{g}</span></Badge></Link>)}</span>
        )],
        [t.url, m.url],
        [t.idempotencyKey, copied(m.idempotencyKey)],
        [t.groupKey, m.groupKey && <Link to="/messages" search={{ groupKey: m.groupKey }} className="link foreign">{m.groupKey}{m.ordered ? `, ${t.ordered}` : ""}</Link>],
        [t.concurrencyKey, m.concurrencyKey && <Link to="/messages" search={{ concurrencyKey: m.concurrencyKey }} className="link foreign">{m.concurrencyKey}</Link>],
        [t.by, m.dispatchedBy && <Link to="/messages" search={{ dispatchedBy: m.dispatchedBy }} className="link"><Who id={m.dispatchedBy} /></Link>],
        [t.correlation, m.correlationId === m.id ? undefined : <Link to="/messages" search={{ correlationId: m.correlationId }} className="link font-mono text-xs">{m.correlationId}</Link>],
        [t.causation, m.causationId && <Link to="/messages/$id" params={{ id: m.causationId }} className="link font-mono text-xs">{m.causationId}</Link>],
        [t.retryOf, m.retryOf && <span className="font-mono text-xs">{m.retryOf.messageId}</span>],
        [t.trace, trace && (traceUrl?.includes("{traceId}")
          ? <a href={traceUrl.replaceAll("{traceId}", encodeURIComponent(trace))} target="_blank" rel="noreferrer" className="link inline-flex items-center gap-1">{t.openTrace}<ExternalLink size={12} aria-hidden /></a>
          : copied(trace))],
      ]} />
    </Section>
  );
}
