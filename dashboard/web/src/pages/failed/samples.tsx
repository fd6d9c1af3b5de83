import { Link } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { isObject, type Json } from "../../api/json";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { CopyButton } from "../../ui/copy";
import { JsonView } from "../../ui/json-view";
import { Badge } from "../../ui/status";
import { Time } from "../../ui/time";
import type { Letter } from "./calls";
import { gist } from "./state";

const t = text.failed;
const step = 5;

/** Tells whether a payload is wholly hidden from the caller. */
export function hidden(payload: unknown): boolean {
  return isObject(payload) && payload.redacted === true && Object.keys(payload).length === 1;
}

/** The newest dead letters of a group, each with its error and its payload. The first is open. */
export function Samples({ letters, total }: { letters: Letter[]; total: number }) {
  const [limit, setLimit] = useState(step);
  return (
    <ul>
      {letters.slice(0, limit).map((l, i) => <Sample key={l.id} letter={l} first={i === 0} />)}
      {letters.length > limit && (
        <li className="flex items-center gap-2 p-2">
          <Button kind="quiet" onClick={() => setLimit(limit + 20)}>{text.shared.showMore}</Button>
          <span className="text-xs text-muted">{t.group.samplesOf(Math.min(limit, letters.length), total)}</span>
        </li>
      )}
    </ul>
  );
}

function Sample({ letter, first }: { letter: Letter; first: boolean }) {
  const [open, setOpen] = useState(first);
  const payload = letter.message.payload as Json;
  return (
    <li className="border-b border-line last:border-b-0">
      <div className="flex min-w-0 items-center gap-2 px-2 py-1">
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex min-h-8 min-w-0 flex-1 items-center gap-2 rounded px-1 text-left hover:bg-hover">
          <ChevronRight size={14} aria-hidden className={`shrink-0 text-muted ${open ? "rotate-90" : ""}`} />
          <span className="min-w-0 flex-1 truncate foreign">{gist(letter.error) || letter.errorClass}</span>
        </button>
        <span className="shrink-0 text-xs text-muted"><Time at={letter.failedAt} /></span>
        <Link to="/messages/$id" params={{ id: letter.messageId }} search={{ transport: letter.transport }} className="link shrink-0 text-xs max-sm:hidden">{t.group.openMessage}</Link>
      </div>
      {open && (
        <div className="grid min-w-0 gap-3 px-3 pb-3 lg:grid-cols-2">
          <div className="flex min-w-0 flex-col gap-1">
            <span className="flex items-center justify-between gap-2 text-xs text-muted">
              <span>{t.group.error} · {t.group.attempt(letter.attempts.length || letter.retryCount + 1)}</span>
              <CopyButton value={letter.error} label={`${text.shared.copy}: ${t.group.error}`} />
            </span>
            <ErrorText error={letter.error} />
            <Link to="/messages/$id" params={{ id: letter.messageId }} search={{ transport: letter.transport }} className="link text-xs">{t.group.openMessage}: <span className="font-mono">{letter.messageId}</span></Link>
          </div>
          <div className="flex min-w-0 flex-col gap-1">
            <span className="flex min-h-8 items-center gap-2 text-xs text-muted">{t.group.payload}{letter.masked && <Badge>{text.shared.masked}</Badge>}</span>
            {letter.unreadable ? <p className="text-sm text-muted">{t.group.unreadable}</p> : letter.omitted ? <p className="text-sm text-muted">{t.group.omitted}</p>
              : hidden(payload) ? <p className="text-sm text-muted">{text.shared.maskedWhy}</p>
              : <div className="min-w-0 rounded-md border border-line"><JsonView label={t.group.payload} value={payload} /></div>}
          </div>
        </div>
      )}
    </li>
  );
}

function ErrorText({ error }: { error: string }) {
  const [all, setAll] = useState(false);
  const cut = !all && error.length > 2000;
  return (
    <div className="rounded-md border border-line bg-sunken">
      <pre tabIndex={0} aria-label={t.group.error} className="max-h-80 overflow-auto p-3 font-mono text-xs leading-5 whitespace-pre-wrap foreign">{cut ? error.slice(0, 2000) + "…" : error}</pre>
      {cut && <Button kind="quiet" onClick={() => setAll(true)}>{text.shared.showMore}</Button>}
    </div>
  );
}
