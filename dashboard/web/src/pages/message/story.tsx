import { Ban, CalendarClock, Check, CircleX, Hourglass, LoaderCircle, RotateCw, Send, X, type LucideIcon } from "lucide-react";
import { useId, useMemo, useState, type ReactNode } from "react";
import { flushSync } from "react-dom";
import { duration } from "../../format/duration";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Section } from "../../ui/page";
import { Tooltip } from "../../ui/tooltip";
import { Time, useNow } from "../../ui/time";
import { Who } from "../../ui/who";
import type { Whole } from "./load";
import { span } from "./state";
import { stretches, widths, type Stretch } from "./timeline";

const t = text.message.story;

// So many stretches are shown of a long story.
const head = 4;
const tail = 6;

const waits: Record<"waiting" | "scheduled" | "retry", LucideIcon> = { waiting: Hourglass, scheduled: CalendarClock, retry: RotateCw };
const outcomes = {
  failed: [X, "bg-failed"], completed: [Check, "bg-completed"], cancelled: [Ban, "bg-cancelled"], processing: [LoaderCircle, "bg-processing"],
} as const satisfies Record<string, readonly [LucideIcon, string]>;

function name(s: Stretch): string {
  if (s.kind === "attempt") return `${t.attempt(s.attempt)}, ${t.outcome[s.outcome]}`;
  return s.open ? t[`${s.kind}Now`] : t[s.kind];
}

/** The life of a message: as a picture, and step by step with what each attempt has left. */
export function Story({ m }: { m: Whole }) {
  const now = useNow();
  const goesOn = m.status === "pending" || m.status === "processing";
  const at = goesOn ? now : 0;
  const list = useMemo(() => stretches(m, at || Date.now()), [m, at]);
  const id = useId();
  const [all, setAll] = useState(false);
  // Of a long story the beginning and the end say most.
  const folded = !all && list.length > head + tail + 1;
  const hidden = (i: number) => folded && i >= head && i < list.length - tail;
  const show = (i: number) => {
    flushSync(() => hidden(i) && setAll(true));
    const step = document.getElementById(`${id}${i}`);
    step?.scrollIntoView({ block: "nearest" });
    step?.focus({ preventScroll: true });
  };
  return (
    <Section title={t.title}>
      <Picture list={list} onShow={show} />
      <ol className="flex flex-col border-t border-line text-sm">
        <Step icon={<Send size={14} aria-hidden />} at={m.createdAt}>{t.dispatched}{m.dispatchedBy && <> <Who id={m.dispatchedBy} say={t.by} /></>}</Step>
        {list.map((s, i) => hidden(i)
          ? i === head && <li key={i} className="border-b border-line px-2 py-1"><Button kind="quiet" onClick={() => setAll(true)}>{t.between(list.length - head - tail)}</Button></li>
          : s.kind === "attempt"
          ? <AttemptStep key={i} id={`${id}${i}`} m={m} s={s} />
          : <Step key={i} id={`${id}${i}`} icon={icon(waits[s.kind])} took={<Took s={s} />}>{name(s)}</Step>)}
        {m.status === "pending" && m.availableAt && Date.parse(m.availableAt) > now && (
          <Step icon={icon(CalendarClock)} at={m.availableAt} ahead>{m.attempts.length > 0 ? t.next.retry : t.next.scheduled}</Step>
        )}
        {m.finishedAt && m.status in t.end && (
          <Step icon={icon({ completed: Check, failed: CircleX, cancelled: Ban }[m.status as "completed"])} at={m.finishedAt}>{t.end[m.status as "completed"]}</Step>
        )}
      </ol>
    </Section>
  );
}

function icon(Icon: LucideIcon) {
  return <Icon size={14} aria-hidden />;
}

function Took({ s }: { s: Stretch }) {
  return <>{duration(s.to - s.from)}</>;
}

function Picture({ list, onShow }: { list: Stretch[]; onShow: (i: number) => void }) {
  const shares = useMemo(() => widths(list), [list]);
  return (
    <div className="p-4">
      <ol aria-label={t.picture} className="flex h-12 w-full min-w-0 items-stretch gap-px overflow-x-auto">
        {list.map((s, i) => {
          const [Icon, fill] = s.kind === "attempt" ? outcomes[s.outcome] : [waits[s.kind], "bg-hover"];
          const ink = s.kind === "attempt" ? "text-surface" : "text-muted";
          const label = `${name(s)}: ${duration(s.to - s.from)}`;
          return (
            <li key={i} style={{ flexGrow: shares[i], flexBasis: 0 }} className="flex min-w-4">
              <Tooltip text={label}>
                <button type="button" aria-label={label} onClick={() => onShow(i)}
                  className={`flex min-w-0 flex-1 flex-col items-center justify-center overflow-hidden rounded-sm focus-visible:-outline-offset-2 ${fill} ${ink} ${s.open ? "rounded-r-none border-r-2 border-dashed border-accent" : ""}`}>
                  <Icon size={12} aria-hidden className="shrink-0" />
                  {shares[i]! > 0.07 && <span className="max-w-full truncate px-0.5 text-xs tabular">{duration(s.to - s.from)}</span>}
                </button>
              </Tooltip>
            </li>
          );
        })}
      </ol>
      <p className="mt-1 text-xs text-muted">{t.scale}</p>
    </div>
  );
}

function Step({ id, icon, at, ahead, took, children }: { id?: string; icon: ReactNode; at?: string; ahead?: boolean; took?: ReactNode; children: ReactNode }) {
  return (
    <li id={id} tabIndex={id === undefined ? undefined : -1} className="flex gap-3 border-b border-line px-4 py-2 last:border-b-0">
      <span className="mt-0.5 shrink-0 text-muted">{icon}</span>
      <div className="min-w-0 flex-1">{children}</div>
      <div className="shrink-0 text-right text-muted tabular">{at ? <Time at={at} ahead={ahead} /> : took}</div>
    </li>
  );
}

function AttemptStep({ id, m, s }: { id: string; m: Whole; s: Extract<Stretch, { kind: "attempt" }> }) {
  const [Icon] = outcomes[s.outcome];
  const ink = { failed: "text-failed", completed: "text-completed", cancelled: "text-cancelled", processing: "text-processing" }[s.outcome];
  const told = m.attempts.find((a) => a.attempt === s.attempt && s.outcome === "failed");
  const took = told ? span(told.startedAt, told.finishedAt) : s.outcome !== "processing" && m.startedAt && m.finishedAt ? span(m.startedAt, m.finishedAt) : s.to - s.from;
  return (
    <Step id={id} icon={<span className={ink}><Icon size={14} aria-hidden /></span>} took={duration(took > 366 * 86_400_000 * 100 ? s.to - s.from : took)}>
      <p>
        <span className={`font-medium ${ink}`}>{name(s)}</span>
        {s.errorClass && <code className="ml-2 font-mono text-xs text-muted foreign">{s.errorClass}</code>}
        <span className="ml-2 text-xs text-muted"><Time at={new Date(s.from).toISOString()} /></span>
      </p>
      {s.worker && <p className="text-xs text-muted foreign">{t.worker} {s.worker}</p>}
      {s.error && <ErrorText error={s.error} />}
      {s.log && s.log.length > 0 && (
        <details className="mt-1" open={s.outcome === "processing"}>
          <summary className="cursor-pointer text-xs text-muted">{t.log(s.log.length)}</summary>
          <pre tabIndex={0} className="mt-1 max-h-72 overflow-auto rounded-md border border-line bg-sunken p-2 font-mono text-xs leading-5 whitespace-pre-wrap foreign">{s.log.join("\n")}</pre>
        </details>
      )}
    </Step>
  );
}

function ErrorText({ error }: { error: string }) {
  const [all, setAll] = useState(false);
  const long = error.length > 600 || error.split("\n").length > 6;
  return (
    <>
      <pre className={`mt-1 font-mono text-xs leading-5 whitespace-pre-wrap foreign ${long && !all ? "line-clamp-6" : ""}`}>{all ? error : error.slice(0, 4000)}</pre>
      {long && !all && <button type="button" className="link text-xs" onClick={() => setAll(true)}>{t.whole}</button>}
    </>
  );
}
