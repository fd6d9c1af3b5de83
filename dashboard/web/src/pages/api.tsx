import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { Fragment, useMemo } from "react";
import { address } from "../api/client";
import { ApiError, errorOf } from "../api/errors";
import { writeJson } from "../api/json";
import { one } from "../search";
import { text } from "../text";
import { Code } from "../ui/copy";
import { Page, Section } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { usePhone } from "../ui/phone";
import { Typed } from "../ui/typed";
import { boundsOf, entries, kindOf, resolveAnswer, scopeOf, type Document, type Entry } from "./api/document";
import { Send } from "./api/send";
import { Shape } from "./api/shape";

const t = text.apiPage;

function useDocument() {
  return useQuery({
    queryKey: ["openapi"], staleTime: Infinity,
    queryFn: async ({ signal }) => {
      const response = await fetch(address("/openapi.json"), { signal }).catch((cause: unknown) => {
        if (signal.aborted) throw cause;
        throw new ApiError(0, "unreachable", text.shared.unreachable);
      });
      const body: unknown = await response.json();
      if (!response.ok) throw errorOf(response, body);
      return body as Document;
    },
  });
}

export default function Api() {
  const search = useSearch({ strict: false });
  const phone = usePhone();
  const { data: doc, error, refetch } = useDocument();
  const all = useMemo(() => (doc ? entries(doc) : []), [doc]);
  const chosen = one(search.op);
  const entry = all.find((e) => e.id === chosen);
  const links = (
    <>
      <a className="link inline-flex min-h-6 items-center" href={address("/openapi.json")} target="_blank" rel="noreferrer">{t.document}</a>
      <a className="link inline-flex min-h-6 items-center" href={address("/docs")} target="_blank" rel="noreferrer">{t.swagger}</a>
    </>
  );
  return (
    <Page title={t.title} lead={doc && t.lead(doc.info.version)} actions={links}>
      {error && <ErrorNote error={error} retry={() => void refetch()} />}
      {!doc && !error && <div className="card"><Loading lines={8} /></div>}
      {doc && (
        <div className="grid min-w-0 items-start gap-6 sm:grid-cols-[minmax(15rem,18rem)_1fr]">
          {(!phone || !entry) && <List all={all} chosen={entry?.id} />}
          {(!phone || entry) && (
            <div className="min-w-0">
              {phone && <Link to="/api" search={{ q: search.q }} className="link mb-3 inline-flex min-h-8 items-center gap-1"><ArrowLeft size={14} aria-hidden />{t.back}</Link>}
              {entry ? <One key={entry.id} doc={doc} entry={entry} /> : <div className="card"><Empty title={t.pick}>
                {chosen && <Callout tone="warn"><span className="foreign">{t.unknown(chosen)}</span></Callout>}
              </Empty></div>}
            </div>
          )}
        </div>
      )}
    </Page>
  );
}

// GET looks, the others do: only what deletes is set apart.
const inks: Record<string, string> = { GET: "text-muted", DELETE: "text-danger" };

function List({ all, chosen }: { all: Entry[]; chosen?: string }) {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const q = one(search.q) ?? "";
  const groups = useMemo(() => {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = all.filter((e) => {
      const said = `${e.method} ${e.path} ${e.id} ${e.operation.summary ?? ""} ${e.tag}`.toLowerCase();
      return words.every((w) => said.includes(w));
    });
    const out = new Map<string, Entry[]>();
    for (const e of fits) out.set(e.tag, [...(out.get(e.tag) ?? []), e]);
    return [...out];
  }, [all, q]);
  return (
    <nav aria-label={t.list} className="flex min-w-0 flex-col gap-3 sm:sticky sm:top-16 sm:max-h-[calc(100dvh-5rem)] sm:overflow-y-auto sm:p-0.5">
      <Typed label={t.search} value={q} onChange={(v) => void navigate({ to: "/api", search: (s) => ({ ...s, q: v }), replace: true })} className="w-full" search />
      {groups.length === 0 && <p className="text-muted">{t.none}</p>}
      {groups.map(([tag, list]) => (
        <div key={tag}>
          <h2 className="pb-1 text-xs font-semibold text-muted">{tag}</h2>
          <ul>
            {list.map((e) => (
              <li key={e.id}>
                <Link to="/api" search={{ ...search, op: e.id }} aria-current={e.id === chosen ? "true" : undefined}
                  className="flex min-h-8 flex-col rounded-md px-2 py-1 hover:bg-hover aria-[current=true]:bg-hover">
                  <span className={`text-sm ${e.id === chosen ? "font-semibold" : ""}`}>{e.operation.summary ?? e.id}</span>
                  <span className="font-mono text-xs wrap-anywhere text-muted"><span className={inks[e.method] ?? "text-accent"}>{e.method}</span> <Path path={e.path} /></span>
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function One({ doc, entry: e }: { doc: Document; entry: Entry }) {
  const o = e.operation;
  const scope = scopeOf(o);
  return (
    <article className="flex min-w-0 flex-col gap-6">
      <header className="flex min-w-0 flex-col gap-2">
        <h2 className="text-lg font-semibold">{o.summary ?? e.id}</h2>
        <p className="font-mono text-sm wrap-anywhere"><span className={`font-semibold ${inks[e.method] ?? "text-accent"}`}>{e.method}</span> <Path path={e.path} /></p>
        <div className="flex flex-wrap gap-2"><Badge>{scope ? t.needs(scope) : o.security?.length === 0 ? t.open : e.id}</Badge></div>
        {o.description && <p className="max-w-prose">{o.description}</p>}
      </header>
      <Section title={t.send.title}><div className="p-4"><Send entry={e} /></div></Section>
      {o.parameters && o.parameters.length > 0 && (
        <Section title={t.parameters}>
          <ul>
            {o.parameters.map((p) => (
              <li key={p.name} className="border-b border-line px-3 py-1.5 last:border-0">
                <span className="flex flex-wrap items-baseline gap-x-2">
                  <code className="font-mono text-xs font-semibold">{p.name}</code><span className="text-xs text-muted">{kindOf(p.schema)}, {p.in}</span>
                  {p.required && <span className="text-xs text-warn">{t.required}</span>}
                </span>
                {p.description && <p className="text-xs">{p.description}</p>}
                {boundsOf(p.schema.items ?? p.schema).map((b) => <p key={b} className="text-xs text-muted">{b}</p>)}
              </li>
            ))}
          </ul>
        </Section>
      )}
      {Object.entries(o.requestBody?.content ?? {}).map(([type, m]) => (
        <Section key={type} title={`${t.bodyOf(m.schema ? kindOf(m.schema) : type)}`}>
          {m.schema && <Shape doc={doc} schema={m.schema} />}
          {m.example !== undefined && <div className="border-t border-line p-3"><Code label={t.example}>{writeJson(m.example, 2)}</Code></div>}
        </Section>
      ))}
      <Section title={t.answers}>
        <ul>
          {Object.entries(o.responses).map(([status, r]) => {
            const a = resolveAnswer(doc, r);
            return (
              <li key={status} className="border-b border-line last:border-0">
                <details open={status.startsWith("2")}>
                  <summary className="flex min-h-8 cursor-pointer flex-wrap items-center gap-2 px-3 py-1">
                    <span className={`font-semibold tabular ${status.startsWith("2") ? "text-completed" : "text-muted"}`}>{status}</span>
                    <span className="text-sm">{a.description}</span>
                  </summary>
                  {Object.entries(a.content ?? {}).map(([type, m]) => (
                    <div key={type} className="border-t border-line">
                      {type !== "application/json" && <p className="px-3 py-1.5 font-mono text-xs text-muted">{type}</p>}
                      {m.schema && type === "application/json" && <Shape doc={doc} schema={m.schema} />}
                    </div>
                  ))}
                </details>
              </li>
            );
          })}
        </ul>
      </Section>
    </article>
  );
}

/** A path that is broken behind its slashes, where it has no room. */
function Path({ path }: { path: string }) {
  return path.split("/").map((part, i) => <Fragment key={i}>{i > 0 && <>/<wbr /></>}{part}</Fragment>);
}
