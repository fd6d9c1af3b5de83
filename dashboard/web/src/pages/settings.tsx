import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { answer, api } from "../api/client";
import { writeJson, type Json } from "../api/json";
import { one } from "../search";
import { text } from "../text";
import { Checkbox } from "../ui/field";
import { Page, Section } from "../ui/page";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { Typed } from "../ui/typed";

const t = text.settings;

/** A value as the file has it; one that is long is shown as a whole, over several lines. */
function said(value: unknown): string {
  return typeof value === "string" ? value : writeJson(value as Json);
}

export default function Settings() {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const q = one(search.q) ?? "";
  const set = one(search.set) !== undefined;
  const { data, error, isPending, refetch } = useQuery({ queryKey: ["settings"], queryFn: ({ signal }) => answer(api.GET("/api/symphony/config", { signal })), staleTime: 30_000 });
  const put = (change: Record<string, string | undefined>) => void navigate({ to: "/settings", search: (s) => ({ ...s, ...change }), replace: true });
  // The address follows a moment later, and the box is not to jump back meanwhile.
  const [only, setOnly] = useState(set);
  useEffect(() => setOnly(set), [set]);
  const groups = useMemo(() => {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const out = new Map<string, { key: string; value: string; source: string }[]>();
    for (const s of data?.settings ?? []) {
      const row = { key: s.key, value: said(s.value), source: s.source };
      const all = `${row.key} ${row.value} ${row.source}`.toLowerCase();
      if ((set && row.source === "default") || !words.every((w) => all.includes(w))) continue;
      const group = /^[^.[]+/.exec(row.key)?.[0] ?? row.key;
      out.set(group, [...(out.get(group) ?? []), row]);
    }
    return [...out];
  }, [data, q, set]);
  const shown = groups.reduce((n, [, rows]) => n + rows.length, 0);
  return (
    <Page title={t.title} lead={t.lead}>
      {data && <Callout><span className="foreign">{data.file ? t.file(data.file) : t.noFile}</span> {t.change}</Callout>}
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Typed label={t.search} value={q} onChange={(v) => put({ q: v })} className="min-w-0 flex-1 max-sm:min-w-full sm:max-w-96" search />
        <Checkbox
          label={t.only} checked={only}
          onChange={(e) => {
            setOnly(e.target.checked);
            put({ set: e.target.checked ? "1" : undefined });
          }}
        />
        {data && <span role="status" className="text-xs text-muted tabular">{t.shown(shown, data.settings.length)}</span>}
      </div>
      {error && <ErrorNote error={error} retry={() => void refetch()} />}
      {isPending && <div className="card"><Loading lines={8} /></div>}
      {data && shown === 0 && <div className="card"><Empty title={t.none} /></div>}
      {groups.map(([group, rows]) => (
        <Section key={group} title={<code className="font-mono">{group}</code>}>
          <dl>
            {rows.map((r) => (
              <div key={r.key} className="grid gap-x-4 border-t border-line px-4 py-2 first:border-0 sm:grid-cols-[minmax(14rem,1fr)_minmax(0,1.5fr)_12rem]">
                <dt className="min-w-0 font-mono text-xs leading-5 foreign">{r.key}</dt>
                <dd className="min-w-0 font-mono text-xs leading-5 foreign">{r.value === "" ? <span className="text-muted">{t.empty}</span> : r.value}</dd>
                <dd className="min-w-0 sm:text-right">
                  {r.source === "default" ? <span className="text-xs text-muted">{t.isDefault}</span> : <Badge tone="accent"><span className="whitespace-normal foreign">{r.source}</span></Badge>}
                </dd>
              </div>
            ))}
          </dl>
        </Section>
      ))}
    </Page>
  );
}
