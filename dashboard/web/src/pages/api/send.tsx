import { useEffect, useRef, useState } from "react";
import { address } from "../../api/client";
import { parseJson, writeJson, type Json } from "../../api/json";
import { usePermissions, useSession, type Scope } from "../../api/session";
import { duration } from "../../format/duration";
import { bytes } from "../../format/number";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Code } from "../../ui/copy";
import { Select, TextArea, TextField } from "../../ui/field";
import { JsonField } from "../../ui/json-field";
import { JsonView } from "../../ui/json-view";
import { ErrorNote } from "../../ui/states";
import { callOf, curlOf, scopeOf, type Entry, type Parameter } from "./document";

const t = text.apiPage.send;

type Answered = { status: number; took: number; headers: [string, string][]; json?: Json; raw: string };

/** Sends an operation as the caller is signed in, and shows what came back. Give it a key of the operation. */
export function Send({ entry: e }: { entry: Entry }) {
  const session = useSession();
  const { can } = usePermissions();
  const content = Object.entries(e.operation.requestBody?.content ?? {});
  const [type, media] = content[0] ?? [];
  const json = type === "application/json";
  const [values, setValues] = useState<Record<string, string>>({});
  const [body, setBody] = useState(() => (media?.example !== undefined ? writeJson(media.example, 2) : json ? "{}" : ""));
  const [answered, setAnswered] = useState<Answered>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const { path, missing } = callOf(e, values);
  const scope = scopeOf(e.operation);
  const stream = Object.values(e.operation.responses).some((r) => r.content && "text/event-stream" in r.content);
  const secret = e.operation.security?.some((s) => "cronSecret" in s);
  const changes = e.method !== "GET";
  const refused = scope && !can(scope as Scope) && !(scope === "read" && can("observe")) ? text.shared.needsScope(scope)
    : changes && session.readOnly ? text.shared.readOnly : undefined;
  const url = location.origin + address(path);

  const send = async () => {
    const stop = new AbortController();
    running.current = stop;
    setBusy(true);
    setError(undefined);
    setAnswered(undefined);
    const began = performance.now();
    try {
      const response = await fetch(url, {
        method: e.method, signal: stop.signal, credentials: "same-origin",
        ...(content.length > 0 && body.trim() !== "" ? { body, headers: { "Content-Type": type! } } : {}),
      });
      const raw = await response.text();
      let parsed: Json | undefined;
      try {
        parsed = raw === "" ? undefined : parseJson(raw);
      } catch {
        // It is shown as the text that it is.
      }
      setAnswered({ status: response.status, took: performance.now() - began, headers: [...response.headers], json: parsed, raw });
    } catch {
      setError(new Error(stop.signal.aborted ? t.stopped : text.shared.unreachable));
    } finally {
      setBusy(false);
    }
  };

  if (stream || secret) return <p className="text-muted">{stream ? t.stream : t.cron}</p>;
  return (
    <form className="flex min-w-0 flex-col gap-3" onSubmit={(ev) => (ev.preventDefault(), !busy && missing.length === 0 && refused === undefined && void send())}>
      {e.operation.parameters && e.operation.parameters.length > 0 && (
        <div className="grid gap-3 sm:grid-cols-2">
          {e.operation.parameters.map((p) => <Value key={p.name} parameter={p} value={values[p.name] ?? ""} onChange={(v) => setValues({ ...values, [p.name]: v })} />)}
        </div>
      )}
      {content.length > 0 && (json
        ? <JsonField label={t.body} value={body} onChange={setBody} error={badJson(body) ? t.badBody : undefined} />
        : <TextArea label={`${t.body} (${type})`} rows={6} className="font-mono text-xs" spellCheck={false} value={body} onChange={(ev) => setBody(ev.target.value)} />)}
      {changes && <p className="text-xs text-muted">{t.note}</p>}
      <div className="flex flex-wrap items-center gap-2">
        <Button type="submit" kind={e.method === "DELETE" ? "danger" : "primary"} busy={busy} refused={refused ?? (missing.length > 0 ? t.missing(missing.join(", ")) : undefined)}>
          {t.button(e.method)}
        </Button>
        {busy && <Button onClick={() => running.current?.abort()}>{t.stop}</Button>}
        {refused && <span className="text-xs text-muted">{refused}</span>}
      </div>
      <div aria-live="polite" className="flex min-w-0 flex-col gap-2">
        {error != null && <ErrorNote error={error} />}
        {answered && <Answer answered={answered} label={e.id} />}
      </div>
      <details>
        <summary className="min-h-6 cursor-pointer text-sm font-medium">{t.curl}</summary>
        <div className="mt-2"><Code label={t.curl}>{curlOf(e.method, url, type, content.length > 0 ? body : undefined)}</Code></div>
      </details>
    </form>
  );
}

function badJson(body: string): boolean {
  try {
    if (body.trim()) parseJson(body);
    return false;
  } catch {
    return true;
  }
}

function Value({ parameter: p, value, onChange }: { parameter: Parameter; value: string; onChange: (v: string) => void }) {
  const label = <code className="font-mono text-xs">{p.name}{p.in === "path" ? " *" : ""}</code>;
  const s = p.schema;
  const options = s.enum ?? (s.type === "boolean" ? [true, false] : undefined);
  if (options && s.type !== "array") {
    return <Select label={label} value={value} options={[["", text.shared.nothing], ...options.map((o) => [String(o), String(o)] as const)]} onChange={(e) => onChange(e.target.value)} />;
  }
  if (s.type === "object") return <TextArea label={label} hint={t.object} rows={2} value={value} onChange={(e) => onChange(e.target.value)} />;
  return (
    <TextField label={label} hint={s.type === "array" ? t.list : undefined} value={value} spellCheck={false} autoComplete="off"
      placeholder={s.default !== undefined ? String(s.default) : s.format} inputMode={s.type === "integer" ? "numeric" : undefined} onChange={(e) => onChange(e.target.value)} />
  );
}

function Answer({ answered: a, label }: { answered: Answered; label: string }) {
  const [all, setAll] = useState(false);
  const good = a.status < 400;
  const cut = !all && a.raw.length > 100_000;
  return (
    <div className="card min-w-0">
      <p className={`border-b border-line px-3 py-2 font-semibold tabular ${good ? "text-completed" : "text-failed"}`}>
        {t.answered(a.status, duration(Math.round(a.took)))} <span className="font-normal text-muted">{bytes(a.raw.length)}</span>
      </p>
      {a.json !== undefined ? <JsonView value={a.json} label={label} open={3} />
        : a.raw === "" ? <p className="p-3 text-muted">{t.empty}</p>
        : (
          <>
            <pre tabIndex={0} aria-label={label} className="max-h-[70vh] overflow-auto p-3 font-mono text-xs foreign">{cut ? a.raw.slice(0, 100_000) : a.raw}</pre>
            {cut && <div className="p-3"><Button onClick={() => setAll(true)}>{text.shared.showAll(bytes(a.raw.length))}</Button></div>}
          </>
        )}
      <details className="border-t border-line px-3 py-2">
        <summary className="min-h-6 cursor-pointer text-xs text-muted">{t.headers}</summary>
        <dl className="mt-1 grid grid-cols-[auto_1fr] gap-x-3 font-mono text-xs">
          {a.headers.map(([n, v]) => <div key={n} className="contents"><dt className="text-muted">{n}</dt><dd className="foreign">{v}</dd></div>)}
        </dl>
      </details>
    </div>
  );
}

