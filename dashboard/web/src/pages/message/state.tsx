import { Link } from "@tanstack/react-router";
import type { Shape } from "../../api/client";
import { duration } from "../../format/duration";
import { text } from "../../text";
import { Callout } from "../../ui/states";
import { Since, Time } from "../../ui/time";
import { Who } from "../../ui/who";
import type { Whole } from "./load";

const t = text.message;

/** One sentence about where the message is and why, and where what holds it up is mended. */
export function State({ m, group, progress }: { m: Whole; group?: string; progress?: Shape<"Progress"> }) {
  const told = m.status === "processing" ? newer(progress, m.progress) : m.progress;
  return (
    <div className="card flex min-w-0 flex-col gap-3 p-4 text-base">
      <Sentence m={m} group={group} />
      {told && <Progress told={told} />}
      {m.outputError && <Callout tone="warn">{t.state.outputError(m.outputError)}</Callout>}
      {m.unreadable && <Callout tone="warn">{t.state.unreadable}</Callout>}
    </div>
  );
}

function newer(a: Shape<"Progress"> | undefined, b: Shape<"Progress"> | undefined): Shape<"Progress"> | undefined {
  return a && b && a.at && b.at && b.at > a.at ? b : a ?? b;
}

function Sentence({ m, group }: { m: Whole; group?: string }) {
  const s = t.state;
  switch (m.status) {
    case "pending": {
      const w = m.waiting;
      if (!w) return <p>{s.pending}</p>;
      const mend = w.reason === "hold" ? <Link to="/queue" search={{ transport: m.transport, queue: m.queue }} className="link">{s.mend.hold}</Link>
        : w.reason === "no_worker" ? <Link to="/workers" className="link">{s.mend.no_worker}</Link>
        : s.mend[w.reason] ? <Link to="/type" search={{ type: m.message.type }} className="link">{s.mend[w.reason]}</Link> : null;
      return (
        <p className="foreign">
          {w.text}
          {w.position !== undefined && <> {s.position(w.position)}</>}
          {w.until && <> {s.until} <Time at={w.until} exact ahead />.</>}
          {mend && <> {mend}.</>}
        </p>
      );
    }
    case "processing":
      return (
        <div className="flex flex-col gap-2">
          <p className="foreign">{s.processing(m.worker ?? "")} {m.startedAt && <Since at={m.startedAt} />} ({s.processingAttempt(m.attempt)}).</p>
          {m.cancel && (
            <Callout tone="warn">
              {s.cancelling} <Wanted cancel={m.cancel} />
            </Callout>
          )}
        </div>
      );
    case "completed":
      return m.startedAt && m.finishedAt
        ? <p>{s.completed(m.attempt)} <span className="tabular">{duration(span(m.startedAt, m.finishedAt))}</span>. <Time at={m.finishedAt} className="text-muted" /></p>
        : <p>{s.completedBare}</p>;
    case "failed":
      return (
        <div className="flex flex-col gap-1">
          <p>{s.failed(m.attempt)} <span className="foreign font-semibold">{first(m.error)}</span></p>
          {group && <p><Link to="/failed/group" search={{ transport: m.transport, group }} className="link">{s.group}</Link></p>}
        </div>
      );
    default:
      return <p>{s.cancelled} {m.cancel && <Wanted cancel={m.cancel} />} <Time at={m.finishedAt} className="text-muted" /></p>;
  }
}

function Wanted({ cancel }: { cancel: Shape<"Cancel"> }) {
  return <span className="foreign">{cancel.by && <Who id={cancel.by} say={t.state.by} />}{cancel.reason ? `. ${t.state.reason(cancel.reason)}` : "."}</span>;
}

/** The first line of an error, as far as it fits a sentence. */
function first(error: string | undefined): string {
  const line = (error ?? "").split("\n", 1)[0]!;
  return line.length > 300 ? line.slice(0, 300) + "…" : line;
}

/** Milliseconds between two times, with the digits that Date leaves out. */
export function span(from: string, to: string): number {
  const micros = (at: string) => Number(/\.(\d+)/.exec(at)?.[1]?.padEnd(6, "0").slice(3, 6) ?? 0);
  return Math.max(0, Date.parse(to) - Date.parse(from) + (micros(to) - micros(from)) / 1000);
}

function Progress({ told }: { told: Shape<"Progress"> }) {
  const known = told.total !== undefined && told.total > 0;
  const share = known ? Math.min(1, Math.max(0, told.done / told.total!)) : undefined;
  return (
    <div className="flex flex-col gap-1 text-sm">
      <div role="progressbar" aria-label={t.progress.label} aria-valuemin={0} aria-valuemax={known ? told.total : undefined} aria-valuenow={known ? told.done : undefined}
        aria-valuetext={known ? t.progress.of(told.done, told.total!) : t.progress.done(told.done)} className="h-2 overflow-hidden rounded bg-sunken">
        <div className="h-full bg-processing" style={{ width: `${(share ?? 1) * 100}%` }} />
      </div>
      <div className="flex flex-wrap justify-between gap-2 text-muted">
        <span className="tabular">{known ? t.progress.of(told.done, told.total!) : t.progress.done(told.done)}{told.text && <span className="foreign"> · {told.text}</span>}</span>
        {told.at && <Time at={told.at} />}
      </div>
    </div>
  );
}
