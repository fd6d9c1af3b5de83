import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { type BulkAction, type BulkTarget, type Picked } from "../../bulk";
import { filterQuery, isEmptyFilter, type Filter, type Qualifier } from "../../filter";
import { count } from "../../format/number";
import { useRefetch } from "../../live/live";
import { text } from "../../text";
import { BulkButton, BulkDialog, SelectionBar } from "../../ui/bulk";
import { Button } from "../../ui/button";
import { FilterBar, FilterProblems } from "../../ui/filter-bar";
import { PeriodPicker } from "../../ui/period";
import { useSettled } from "../../ui/settled";
import { Empty, ErrorNote, Loading } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { useFilter } from "../../ui/use-filter";
import type { Letter } from "./calls";
import { FirstFailure } from "./first";
import { gist } from "./state";

const t = text.failed;
// All are failed, and have ended when they failed.
const without: Qualifier[] = ["status", "worker", "endedSince", "endedUntil"];

const letterKey = (l: Letter) => `${l.transport}/${l.id}`;

const columns: Column<Letter>[] = [
  {
    id: "type", name: t.list.columns.type, width: "minmax(9rem,1fr)", phone: "title",
    cell: (l) => <Link to="/messages/$id" params={{ id: l.messageId }} search={{ transport: l.transport }} className="link foreign" title={l.message.type.slice(0, 300)}>{l.message.type}</Link>,
  },
  { id: "error", name: t.list.columns.error, width: "minmax(14rem,3fr)", cell: (l) => <span className="foreign" title={l.error.slice(0, 500)}>{gist(l.error) || l.errorClass}</span> },
  { id: "queue", name: t.list.columns.queue, width: "minmax(6rem,10rem)", cell: (l) => <span className="foreign">{l.queue}</span> },
  { id: "attempts", name: t.list.columns.attempts, width: "6rem", align: "right", cell: (l) => count(l.retryCount + 1) },
  { id: "failed", name: t.list.columns.failed, width: "8rem", cell: (l) => <Time at={l.failedAt} /> },
];

/** All dead letters, newest failure first, by the filter of the address. */
export function Letters() {
  const navigate = useNavigate();
  const { filter, problems, setFilter, key } = useFilter(without);
  const list = useInfiniteQuery({
    queryKey: ["failed", "list", key], refetchInterval: useRefetch("by events"), placeholderData: keepPreviousData, initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/api/symphony/failed", { params: { query: { ...filterQuery(filter, Date.now()), limit: 50, cursor: pageParam } }, signal })),
    getNextPageParam: (last) => (last.pagination.hasMore ? last.pagination.nextCursor : undefined),
  });
  const found = useMemo(() => list.data?.pages.flatMap((p) => p.messages) ?? [], [list.data]);
  const settled = useSettled(found, letterKey, list.isPlaceholderData ? "" : key);
  const total = list.data?.pages[0]?.pagination.total;
  return (
    <>
      <div className="flex flex-wrap items-start gap-2">
        <div className="flex min-w-64 flex-1"><FilterBar filter={filter} onChange={setFilter} without={without} failed /></div>
        <PeriodPicker filter={filter} onChange={setFilter} />
      </div>
      <FilterProblems problems={problems} />
      {list.error && <ErrorNote error={list.error} retry={() => void list.refetch()} />}
      <div className="flex min-h-8 items-center gap-2">
        {total !== undefined && <span className="text-sm text-muted tabular">{t.list.total(total)}</span>}
        {settled.fresh > 0 && <Button onClick={settled.show}>{t.newLetters(settled.fresh)}</Button>}
      </div>
      {list.isPending ? !list.error && <div className="card"><Loading lines={8} /></div> : settled.rows.length === 0 ? !list.error && (
        <div className="card">
          {isEmptyFilter(filter) ? <FirstFailure /> : <Empty title={t.none.filtered}><div><Button onClick={() => setFilter({})}>{t.clear}</Button></div></Empty>}
        </div>
      ) : (
        <Selectable key={key} rows={settled.rows} filter={filter} total={total}>
          {(selected, onSelect) => (
            <div className={`card min-w-0 ${list.isPlaceholderData ? "opacity-60" : ""}`}>
              <Table
                label={t.list.table} columns={columns} rows={settled.rows} rowKey={letterKey} selected={selected} onSelect={onSelect}
                onOpen={(l) => void navigate({ to: "/messages/$id", params: { id: l.messageId }, search: { transport: l.transport } })}
                end={list.hasNextPage ? <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button> : undefined}
              />
            </div>
          )}
        </Selectable>
      )}
    </>
  );
}

/** Rows that can be selected, on the page or all that match, by those who may do something with them. */
function Selectable({ rows, filter, total, children }: {
  rows: Letter[]; filter: Filter; total?: number;
  children: (selected: ReadonlySet<string> | undefined, onSelect: ((keys: ReadonlySet<string>) => void) | undefined) => React.ReactNode;
}) {
  const { may } = usePermissions();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const [asked, setAsked] = useState<{ action: BulkAction; target: BulkTarget }>();
  const picked = useMemo(
    () => rows.filter((l) => selected.has(letterKey(l))).map((l): Picked => ({ transport: l.transport, id: l.messageId, status: "failed", failedId: l.id })),
    [rows, selected],
  );
  const everything = useMemo(() => new Set(rows.map(letterKey)), [rows]);
  if (!may("operate")) return children(undefined, undefined);
  const clear = () => {
    setSelected(new Set());
    setAll(false);
  };
  const n = all ? total ?? 0 : picked.length;
  return (
    <>
      {children(all ? everything : selected, (keys) => {
        setAll(false);
        setSelected(keys);
      })}
      {(all || picked.length > 0) && (
        <SelectionBar selected={picked.length} all={all} matching={total} onAll={() => setAll(true)} onClear={clear}>
          {(["retry", "deleteFailed"] as const).map((action) => (
            <BulkButton key={action} action={action} n={n} onClick={() => setAsked({ action, target: all ? { filter, failed: true } : { picked } })} />
          ))}
        </SelectionBar>
      )}
      {asked && <BulkDialog action={asked.action} target={asked.target} onClose={() => setAsked(undefined)} onDone={clear} />}
    </>
  );
}
