import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { answer, api, type Shape } from "../api/client";
import { useRefetch } from "../live/live";
import { one, type Search } from "../search";
import { count } from "../format/number";
import { text } from "../text";
import { Button } from "../ui/button";
import { Page } from "../ui/page";
import { Progress } from "../ui/progress";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { Table, type Column } from "../ui/table";
import { Time } from "../ui/time";
import { Who } from "../ui/who";

const t = text.operations;
type Operation = Shape<"Operation">;
const states = ["running", "stopped", "completed", "failed"] as const;
type State = (typeof states)[number];

const tones = { running: "accent", stopped: "warn", completed: "good", failed: "danger" } as const;

/** The state of an operation, in the colours of what it means. */
export function StateBadge({ state }: { state: Operation["state"] }) {
  return <Badge tone={tones[state]}>{t.state[state]}</Badge>;
}

const columns: Column<Operation>[] = [
  {
    id: "kind", name: t.column.kind, width: "minmax(11rem,1.2fr)", phone: "title",
    cell: (o) => <Link to="/operations/$id" params={{ id: o.id }} className="font-medium hover:underline">{t.kind[o.kind] ?? o.kind}</Link>,
  },
  { id: "state", name: t.column.state, width: "7.5rem", cell: (o) => <StateBadge state={o.state} /> },
  {
    id: "progress", name: t.column.progress, width: "minmax(12rem,1.5fr)",
    cell: (o) => (
      <span className="flex items-center gap-3">
        <span className="w-24 shrink-0 max-sm:hidden"><Progress done={o.done} skipped={o.skipped} total={o.total} running={o.state === "running"} label={t.bar(o.done + o.skipped, o.total)} /></span>
        <span className="truncate tabular">{t.progress(o.done + o.skipped, o.total)}</span>
      </span>
    ),
  },
  { id: "skipped", name: t.column.skipped, width: "6rem", align: "right", phone: "hide", cell: (o) => (o.skipped > 0 ? <span className="text-warn">{count(o.skipped)}</span> : "0") },
  { id: "transport", name: t.column.transport, width: "minmax(6rem,0.7fr)", phone: "hide", cell: (o) => <span className="foreign">{o.transport}</span> },
  { id: "by", name: t.column.by, width: "minmax(6rem,1fr)", cell: (o) => o.by && <Who id={o.by} /> },
  { id: "created", name: t.column.created, width: "8rem", align: "right", cell: (o) => <Time at={o.createdAt} /> },
];

export default function Operations() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const asked = one(search.state);
  const state = states.find((s) => s === asked);
  const every = useRefetch("by events", 3000);
  const list = useInfiniteQuery({
    queryKey: ["operations", "list", state ?? ""], placeholderData: keepPreviousData, refetchInterval: every, initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => answer(api.GET("/api/symphony/operations", { params: { query: { state, cursor: pageParam } }, signal })),
    getNextPageParam: (last) => (last.hasMore ? last.nextCursor : undefined),
  });
  const rows = useMemo(() => list.data?.pages.flatMap((p) => p.operations) ?? [], [list.data]);
  const tab = "flex min-h-9 items-center border-b-2 border-transparent px-3 text-sm hover:bg-hover aria-[current=page]:border-accent aria-[current=page]:font-semibold";
  const exact = { exact: true, includeSearch: true };
  return (
    <Page title={t.title} lead={t.lead}>
      {asked !== undefined && !state && <Callout tone="warn">{t.badState(asked)}</Callout>}
      <div className="flex flex-col">
        <nav aria-label={t.states} className="flex overflow-x-auto border-b border-line">
          <Link to="/operations" search={{}} activeOptions={exact} className={tab}>{t.allStates}</Link>
          {states.map((s: State) => <Link key={s} to="/operations" search={{ state: s }} activeOptions={exact} className={tab}>{t.state[s]}</Link>)}
        </nav>
        <div className="card min-w-0 rounded-t-none! border-t-0!">
          {list.error && rows.length === 0 ? <div className="p-4"><ErrorNote error={list.error} retry={() => void list.refetch()} /></div>
            : list.isPending ? <Loading lines={6} />
            : rows.length === 0 ? (
              <Empty title={state ? t.noneInState : t.none}>
                <p>{t.noneWhy}</p>
                <p className="flex gap-4"><Link to="/messages" className="link">{t.toMessages}</Link><Link to="/failed" className="link">{t.toFailed}</Link></p>
              </Empty>
            ) : (
              <Table label={t.list} columns={columns} rows={rows} rowKey={(o) => o.id} onOpen={(o) => void navigate({ to: "/operations/$id", params: { id: o.id } })}
                end={list.hasNextPage && <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button>} />
            )}
        </div>
      </div>
    </Page>
  );
}
