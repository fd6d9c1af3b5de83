import { useNavigate, useSearch } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { usePermissions } from "../api/session";
import { bulkActions, bulkStatuses, fitting, narrowed, type BulkAction, type BulkTarget, type Picked } from "../bulk";
import { isEmptyFilter, type Filter, type Qualifier } from "../filter";
import { seenIn } from "../filter-suggest";
import { absolute } from "../format/time";
import { useZone } from "../frame/preferences";
import type { Search } from "../search";
import { text } from "../text";
import { BulkButton, BulkDialog, SelectionBar } from "../ui/bulk";
import { Button, IconButton } from "../ui/button";
import { FilterBar, FilterProblems } from "../ui/filter-bar";
import { FirstDispatch } from "../ui/first-dispatch";
import { Page } from "../ui/page";
import { PeriodPicker } from "../ui/period";
import { Empty, ErrorNote, Loading } from "../ui/states";
import { Table } from "../ui/table";
import { useFilter } from "../ui/use-filter";
import { orderOf, useColumns } from "./messages/columns";
import { rowKey, useMessageList, type Order, type Row } from "./messages/list";
import { StatusTabs, useCounts, type Counts } from "./messages/tabs";
import { ColumnsMenu, ExportMenu, ViewsMenu } from "./messages/toolbar";

const t = text.messages;
// Groups of failures are those of dead letters, which have a page of their own.
const without: Qualifier[] = ["failureGroup"];

export default function Messages() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { filter, problems, setFilter, key } = useFilter(without);
  const { order, wrong } = orderOf(search);
  const setOrder = useCallback((o: Order) => void navigate({ to: ".", search: (s: Search) => ({ ...s, sort: o === "createdAt" ? o : undefined }), resetScroll: false }), [navigate]);
  const { ids, columns, unknown, choose } = useColumns(search, order, setOrder);
  const messages = useMessageList(filter, order);
  const counts = useCounts(filter);
  const { rows, list } = messages;
  const known = useMemo(() => seenIn(rows), [rows]);
  const seenPaths = useMemo(() => Object.keys(known).filter((k) => k.startsWith("metadata.")), [known]);
  const chooseColumns = (next: string[] | undefined) => {
    choose(next);
    void navigate({ to: ".", search: (s: Search) => ({ ...s, columns: next }), replace: true, resetScroll: false });
  };
  const wrongs = [...problems, ...(wrong === undefined ? [] : [t.badSort(wrong)]), ...(unknown.length > 0 ? [t.badColumn(unknown.join(", "))] : [])];
  const open = (r: Row) => navigate({ to: "/messages/$id", params: { id: r.id }, search: { transport: r.transport } });
  return (
    <Page
      title={t.title}
      actions={
        <>
          <ViewsMenu search={search} />
          <ColumnsMenu ids={ids} seen={seenPaths} onChange={chooseColumns} />
          <ExportMenu filter={filter} order={order} />
          <IconButton label={t.refresh} icon={<RotateCw size={16} aria-hidden />} busy={list.isRefetching && !list.isFetchingNextPage}
            onClick={() => (void messages.reset(), void counts.refetch())} />
        </>
      }
    >
      <div className="flex flex-wrap items-start gap-2">
        <div className="flex min-w-64 flex-1"><FilterBar filter={filter} onChange={setFilter} without={without} known={known} /></div>
        <PeriodPicker filter={filter} onChange={setFilter} />
      </div>
      <FilterProblems problems={wrongs} />
      <div className="flex flex-col">
        <StatusTabs filter={filter} search={search} counts={counts.data} />
        <div className="card min-w-0 rounded-t-none! border-t-0!">
          {messages.fresh.n > 0 && (
            <div className="border-b border-line p-1 text-center">
              <Button kind="quiet" className="text-accent" onClick={() => (window.scrollTo({ top: 0 }), void messages.reset())}>{t.newRows(messages.fresh.n, messages.fresh.more)}</Button>
            </div>
          )}
          {list.error && rows.length === 0 ? <div className="p-4"><ErrorNote error={list.error} retry={() => void list.refetch()} /></div>
            : list.isPending ? <Loading lines={10} />
            : rows.length === 0 && !messages.walking ? <Nothing filter={filter} onClear={() => setFilter({})} />
            : (
              <Selectable key={key} filter={filter} rows={rows} counts={counts.data}>
                {(selected, onSelect) => (
                  <Table label={t.list} columns={columns} rows={rows} rowKey={rowKey} onOpen={open} selected={selected} onSelect={onSelect} onRange={messages.onRange}
                    end={<End messages={messages} order={order} />} />
                )}
              </Selectable>
            )}
        </div>
      </div>
    </Page>
  );
}

/** What stands below the last row: that there are no more, or how far was looked. */
function End({ messages, order }: { messages: ReturnType<typeof useMessageList>; order: Order }) {
  const zone = useZone();
  const { list, rows, walking, through, steps } = messages;
  if (list.isFetchNextPageError) return <ErrorNote error={list.error} retry={() => void list.fetchNextPage()} />;
  if (walking || steps > 0) {
    const at = through ? absolute(through, zone) : "–";
    return (
      <div role="status" className="flex flex-wrap items-center justify-center gap-2 text-sm text-muted">
        <span>{steps > 0 ? t.goingOn : ""} {order === "createdAt" ? t.walkedOldest(rows.length, at) : t.walked(rows.length, at)}</span>
        {steps > 0 ? <Button onClick={messages.stop}>{t.stop}</Button> : <Button onClick={() => void messages.goOn()} busy={list.isFetchingNextPage}>{t.goOn}</Button>}
      </div>
    );
  }
  if (list.hasNextPage) return <Button onClick={() => void list.fetchNextPage()} busy={list.isFetchingNextPage}>{list.isFetchingNextPage ? t.loadingMore : text.shared.more}</Button>;
  return <span className="text-xs text-muted">{t.end(rows.length)}</span>;
}

function Nothing({ filter, onClear }: { filter: Filter; onClear: () => void }) {
  if (isEmptyFilter(filter)) return <Empty title={t.empty}><p>{t.emptyWhy}</p><FirstDispatch /></Empty>;
  return <Empty title={t.none}><p>{t.noneWhy}</p><div><Button onClick={onClear}>{t.clear}</Button></div></Empty>;
}

/** Rows that can be selected, on the page or all that match, by those who may do something with them. */
function Selectable({ filter, rows, counts, children }: {
  filter: Filter; rows: Row[]; counts?: Counts; children: (selected: ReadonlySet<string> | undefined, onSelect: ((keys: ReadonlySet<string>) => void) | undefined) => React.ReactNode;
}) {
  const { may } = usePermissions();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const [asked, setAsked] = useState<{ action: BulkAction; target: BulkTarget }>();
  const picked = useMemo(() => rows.flatMap((r): Picked[] => (selected.has(rowKey(r)) && !r.gone ? [{ transport: r.transport, id: r.id, status: r.status, failedId: r.failedId }] : [])), [rows, selected]);
  const everything = useMemo(() => new Set(rows.map(rowKey)), [rows]);
  if (!may("operate")) return children(undefined, undefined);
  const clear = () => {
    setSelected(new Set());
    setAll(false);
  };
  const wanted = (s: (typeof bulkStatuses)[BulkAction][number]) => !filter.status || filter.status.includes(s);
  const matching = counts && (filter.status ? filter.status.reduce((n, s) => n + counts.counts[s], 0) : counts.total);
  const matchingMore = !!counts && (filter.status ? filter.status.some((s) => counts.more(s)) : counts.atLeast);
  const numbers = (action: BulkAction): [number, boolean] => {
    if (!all) return [fitting(action, picked).length, false];
    const of = bulkStatuses[action].filter(wanted);
    return [of.reduce((n, s) => n + (counts?.counts[s] ?? 0), 0), of.some((s) => counts?.more(s))];
  };
  return (
    <>
      {children(all ? everything : selected, (keys) => {
        setAll(false);
        setSelected(keys);
      })}
      {(all || picked.length > 0) && (
        <SelectionBar selected={picked.length} all={all} matching={matching} atLeast={matchingMore} onAll={() => setAll(true)} onClear={clear}>
          {bulkActions.map((action) => {
            const [n, more] = numbers(action);
            if (n === 0 && !more || all && !narrowed(action, filter)) return null;
            return <BulkButton key={action} action={action} n={n} atLeast={more} onClick={() => setAsked({ action, target: all ? { filter } : { picked } })} />;
          })}
        </SelectionBar>
      )}
      {asked && <BulkDialog action={asked.action} target={asked.target} onClose={() => setAsked(undefined)} onDone={clear} />}
    </>
  );
}

