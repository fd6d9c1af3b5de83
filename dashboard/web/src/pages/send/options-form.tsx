import { useId, type ReactNode } from "react";
import type { Problem } from "../../api/errors";
import { useZone } from "../../frame/preferences";
import { zoneName } from "../../format/time";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Checkbox, Select, TextArea, TextField } from "../../ui/field";
import { countOptions, type OptionFields } from "./options";

const t = text.send.options;

/** All options of a dispatch. names are the transports and queues that are known, to choose from. */
export function OptionsForm({ fields, onChange, problems, transports, queues }: {
  fields: OptionFields; onChange: (f: OptionFields) => void; problems: readonly Problem[]; transports: string[]; queues: string[];
}) {
  const zone = useZone();
  const lists = useId();
  const set = (name: string) => (e: { target: { value: string } }) => onChange({ ...fields, [name]: e.target.value });
  const of = (name: string, label: string, hint?: string) => ({
    label, hint, value: fields[name] ?? "", onChange: set(name), error: problems.find((p) => p.path === name || p.path.startsWith(`${name}[`))?.message,
  });
  const n = countOptions(fields);
  const callback = (name: "onSuccess" | "onFailure") => (
    <>
      <TextField {...of(`${name}.type`, `${t[name]}: ${t.callbackType}`)} />
      <TextArea {...of(`${name}.payload`, `${t[name]}: ${t.callbackPayload}`)} rows={2} className="font-mono text-xs" spellCheck={false} placeholder="{}" />
      <TextField {...of(`${name}.queue`, `${t[name]}: ${t.callbackQueue}`)} list={`${lists}q`} />
      <TextField {...of(`${name}.transport`, `${t[name]}: ${t.callbackTransport}`)} list={`${lists}t`} />
    </>
  );
  const where = zone ?? zoneName(undefined);
  return (
    <details className="card min-w-0" open={n > 0 || problems.length > 0 ? true : undefined}>
      <summary className="flex min-h-10 cursor-pointer flex-wrap items-center justify-between gap-2 px-4 text-sm">
        <span className="font-semibold">{t.title}</span><span className="text-muted">{n > 0 ? t.set(n) : t.none}</span>
      </summary>
      <div className="flex flex-col gap-4 border-t border-line p-4">
        <datalist id={`${lists}t`}>{transports.map((x) => <option key={x} value={x} />)}</datalist>
        <datalist id={`${lists}q`}>{queues.map((x) => <option key={x} value={x} />)}</datalist>
        <Part title={t.where}>
          <TextField {...of("transport", t.transport, t.transportHint)} list={`${lists}t`} />
          <TextField {...of("queue", t.queue, t.queueHint)} list={`${lists}q`} />
          <Select {...of("priority", t.priority)} options={[["", t.usual], ...Array.from({ length: 10 }, (_, i) => [String(10 - i), String(10 - i)] as const)]} />
          <TextField {...of("tags", t.tags, t.tagsHint)} />
          <TextField {...of("url", t.url, t.urlHint)} type="url" />
        </Part>
        <Part title={t.when}>
          <TextField {...of("delay", t.delay, t.delayHint)} />
          <TextField {...of("scheduledAt", t.scheduledAt, t.scheduledHint(where))} type="datetime-local" />
          <TextField {...of("expiresAt", t.expiresAt, t.expiresHint)} type="datetime-local" />
          <TextField {...of("retention", t.retention, t.retentionHint)} />
        </Part>
        <Part title={t.retries}>
          <TextField {...of("maxRetries", t.maxRetries, t.maxRetriesHint)} inputMode="numeric" />
          <TextField {...of("retryDelay", t.retryDelay, t.retryDelayHint)} />
          <TextField {...of("timeout", t.timeout, t.timeoutHint)} />
        </Part>
        <Part title={t.keys}>
          <TextField {...of("idempotencyKey", t.idempotencyKey, t.idempotencyHint)} />
          <TextField {...of("concurrencyKey", t.concurrencyKey, t.concurrencyHint)} />
          <TextField {...of("groupKey", t.groupKey, t.groupHint)} />
          <Checkbox label={t.ordered} checked={fields.ordered === "true"} onChange={(e) => onChange({ ...fields, ordered: e.target.checked ? "true" : "" })} />
          <TextField {...of("debounceKey", t.debounceKey, t.debounceHint)} />
          <TextField {...of("throttleKey", t.throttleKey, t.throttleHint)} />
        </Part>
        <Part title={t.beside}>
          <TextArea {...of("metadata", t.metadata)} rows={3} className="font-mono text-xs" spellCheck={false} placeholder="{}" />
          <TextArea {...of("headers", t.headers)} rows={3} className="font-mono text-xs" spellCheck={false} placeholder="{}" />
          <TextField {...of("correlationId", t.correlationId)} />
          <TextField {...of("causationId", t.causationId)} />
        </Part>
        <Part title={t.then}>{callback("onSuccess")}{callback("onFailure")}</Part>
        {n > 0 && <div><Button onClick={() => onChange({})}>{t.clear}</Button></div>}
      </div>
    </details>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="min-w-0">
      <legend className="mb-2 text-xs font-semibold text-muted">{title}</legend>
      <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">{children}</div>
    </fieldset>
  );
}
