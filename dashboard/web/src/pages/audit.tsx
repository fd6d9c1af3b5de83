import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { answer, api } from "../api/client";
import type { Json } from "../api/json";
import { filterOfSearch, filterTime } from "../filter";
import { useZone } from "../frame/preferences";
import { useRefetch } from "../live/live";
import { one, type Search } from "../search";
import { text } from "../text";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { FilterProblems } from "../ui/filter-bar";
import { JsonView } from "../ui/json-view";
import { Facts, Page, Section } from "../ui/page";
import { PeriodPicker } from "../ui/period";
import { useSettled } from "../ui/settled";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { Table, type Column } from "../ui/table";
import { Time } from "../ui/time";
import { Typed } from "../ui/typed";
import { results, targets, Things, type Entry, type Thing } from "./audit/links";

const t = text.audit;

// What is worth looking for; others can be typed.
const actions = [
  "message.*", "message.cancel", "message.edit", "message.delete", "message.unmask", "failed.*", "failed.retry", "failed.retry_group", "failed.delete", "failed.delete_group", "failed.ignore_group",
  "failed.resolve_group", "queue.*", "queue.pause", "queue.drain", "queue.resume", "queue.purge", "limit.*", "schedule.*", "operation.*", "key.*", "key.create", "key.revoke", "session.*",
  "workers.*", "node.*", "alert.test",
];
const mostFollowed = 2000;
const tones = { ok: "good", refused: "warn", failed: "danger", unfinished: "warn" } as const;

/** The audit trail, newest first, by what was done, by whom, to what and when. */
export default function Audit() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const zone = useZone();
  const put = (part: Search) => void navigate({ to: ".", search: (s: Search) => ({ ...s, ...part }), replace: true, resetScroll: false });
  const period = useMemo(() => filterOfSearch({ since: one(search.since), until: one(search.until) }, { zone }), [search.since, search.until, zone]);
  const asked = { action: one(search.action), who: one(search.who), target: one(search.target) };
  const about = JSON.stringify([asked, period.filter]);
  const filtered = about !== "[{},{}]";
  const every = useRefetch("by events");
  const list = useInfiniteQuery({
    queryKey: ["audit", about], refetchInterval: every, placeholderData: keepPreviousData, initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const time = (v?: string) => (v === undefined ? undefined : filterTime(v, Date.now()));
      const query = { ...asked, since: time(period.filter.since), until: time(period.filter.until), limit: 50, cursor: pageParam };
      return answer(api.GET("/api/symphony/audit", { params: { query }, signal }));
    },
    getNextPageParam: (last) => (last.hasMore ? last.nextCursor : undefined),
  });
  const found = useMemo(() => list.data?.pages.flatMap((p) => p.entries) ?? [], [list.data]);
  const settled = useSettled(found, (e) => String(e.id), list.isPlaceholderData ? "" : about);
  const opened = one(search.entry);
  const entry = found.find((e) => String(e.id) === opened);
  // A link to an entry that others have come before since is followed down to it, as far as somebody would scroll.
  const further = opened !== undefined && !entry && found.length < mostFollowed && list.hasNextPage && !list.isFetching && Number(found.at(-1)?.id) > Number(opened);
  const { fetchNextPage } = list;
  useEffect(() => {
    if (further) void fetchNextPage();
  }, [further, fetchNextPage]);
  return (
    <Page title={t.title} lead={t.lead}>
      <div className="flex flex-wrap items-center gap-2">
        <Typed label={t.action} placeholder={t.actionHint} value={asked.action} offers={actions} onChange={(v) => put({ action: v })} className="w-56 max-sm:w-full" search />
        <Typed label={t.who} placeholder={`${t.who}: ${t.whoHint}`} value={asked.who} onChange={(v) => put({ who: v })} className="w-48 max-sm:w-full" />
        <Typed label={t.target} placeholder={`${t.target}: ${t.targetHint}`} value={asked.target} onChange={(v) => put({ target: v })} className="min-w-48 flex-1" />
        <PeriodPicker filter={period.filter} onChange={(f) => put({ since: f.since, until: f.until })} />
        {filtered && <Button kind="quiet" onClick={() => put({ action: undefined, who: undefined, target: undefined, since: undefined, until: undefined })}>{t.clear}</Button>}
      </div>
      <FilterProblems problems={period.problems} />
      {list.error && <ErrorNote error={list.error} retry={() => void list.refetch()} />}
      {settled.fresh > 0 && <div><Button onClick={settled.show}>{t.newEntries(settled.fresh)}</Button></div>}
      <div className={`card min-w-0 ${list.isPlaceholderData ? "opacity-60" : ""}`}>
        {list.isPending ? !list.error && <Loading lines={8} /> : settled.rows.length > 0 ? (
          <Table
            label={t.table} columns={columns} rows={settled.rows} rowKey={(e) => String(e.id)} onOpen={(e) => put({ entry: String(e.id) })}
            end={list.hasNextPage && <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button>}
          />
        ) : list.error ? null : list.hasNextPage ? <Empty title={t.sparse}><div><Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button></div></Empty>
          : filtered ? <Empty title={t.filtered} /> : <Empty title={t.none}>{t.noneText}</Empty>}
      </div>
      {entry && <Details entry={entry} onClose={() => put({ entry: undefined })} onOnly={(part) => put({ ...part, entry: undefined })} />}
    </Page>
  );
}

const columns: Column<Entry>[] = [
  { id: "at", name: t.columns.at, width: "8rem", cell: (e) => <Time at={e.at} /> },
  { id: "action", name: t.columns.action, width: "minmax(12rem,1fr)", phone: "title", cell: (e) => <code className="font-mono text-xs foreign">{e.action}</code> },
  { id: "outcome", name: t.columns.outcome, width: "7rem", cell: (e) => <Badge tone={tones[e.outcome]}>{t.outcomes[e.outcome]}</Badge> },
  {
    id: "who", name: t.columns.who, width: "minmax(10rem,1.5fr)",
    cell: (e) => <span className="foreign" title={e.who.id}>{e.who.name || e.who.id} <span className="text-xs text-muted">{t.kinds[e.who.kind]}</span></span>,
  },
  { id: "what", name: t.columns.what, width: "minmax(12rem,2fr)", cell: (e) => cellOf(targets(e)) },
  { id: "result", name: t.columns.result, width: "minmax(9rem,2fr)", cell: (e) => (e.code ? <code className="font-mono text-xs">{e.code}</code> : cellOf(results(e))) },
];

function cellOf(list: Thing[]) {
  return list.length > 0 && <Things list={list} inRow />;
}

function Details({ entry: e, onClose, onOnly }: { entry: Entry; onClose: () => void; onOnly: (part: Search) => void }) {
  return (
    <Dialog title={<code className="font-mono">{e.action}</code>} onClose={onClose} side="right">
      <div className="flex flex-col gap-4">
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => onOnly({ who: e.who.id })}>{t.onlyWho}</Button>
          <Button onClick={() => onOnly({ action: e.action })}>{t.onlyAction}</Button>
        </div>
        {e.unreadable && <Callout tone="warn">{t.unreadable}</Callout>}
        <div className="card">
          <Facts rows={[
            [t.facts.outcome, <span key="outcome" className="flex flex-wrap items-center gap-2"><Badge tone={tones[e.outcome]}>{t.outcomes[e.outcome]}</Badge><span className="text-muted">{t.outcomeWhy[e.outcome]}</span></span>],
            [t.facts.code, e.code && <code className="font-mono text-xs">{e.code}</code>], [t.facts.at, <Time key="at" at={e.at} exact />],
            [t.facts.finished, e.finishedAt && <Time at={e.finishedAt} exact />], [t.facts.count, e.count && t.times(e.count)],
            [t.facts.who, <span key="who">{e.who.name} <span className="text-muted">{t.kinds[e.who.kind]}</span> <code className="font-mono text-xs">{e.who.id}</code></span>],
            [t.facts.remote, e.remote], [t.facts.request, e.requestId && <code className="font-mono text-xs">{e.requestId}</code>],
            [t.columns.what, targets(e).length > 0 ? <Things list={targets(e)} /> : undefined], [t.columns.result, results(e).length > 0 ? <Things list={results(e)} /> : undefined], [t.facts.id, String(e.id)],
          ]} />
        </div>
        {e.target && <Section title={t.more}><JsonView label={t.more} value={e.target as Json} /></Section>}
        {e.result && <Section title={t.resultAll}><JsonView label={t.resultAll} value={e.result as Json} /></Section>}
      </div>
    </Dialog>
  );
}
