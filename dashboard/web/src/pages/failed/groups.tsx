import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { BellOff, CheckCheck, Ellipsis, PencilLine, RotateCcw, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { count } from "../../format/number";
import { useRefetch } from "../../live/live";
import { one, type Search } from "../../search";
import { text } from "../../text";
import { Button, IconButton } from "../../ui/button";
import { Segmented } from "../../ui/field";
import { Menu, MenuItem, MenuSeparator } from "../../ui/menu";
import { useSettled } from "../../ui/settled";
import { Sparkline } from "../../ui/sparkline";
import { Callout, Empty, ErrorNote, Loading } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { Typed } from "../../ui/typed";
import { groupKey, groupStates, type Group, type GroupState } from "./calls";
import { GroupDialog, type GroupAction } from "./dialogs";
import { FirstFailure } from "./first";
import { gist, GroupName, GroupStanding } from "./state";

const t = text.failed;

/** The kinds of failure, those that failed last first: what there is to think about. */
export function Groups() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { may } = usePermissions();
  const [open, setOpen] = useState<{ action: GroupAction; group: Group }>();
  const asked = one(search.state);
  const state: GroupState | "all" = asked === undefined ? "open" : groupStates.find((s) => s === asked) ?? "all";
  const type = one(search.type);
  const q = one(search.q);
  const transport = one(search.transport);
  const put = (part: Search) => void navigate({ to: ".", search: (s: Search) => ({ ...s, ...part }), replace: true, resetScroll: false });
  const query = { type, q, transport, ...(state === "all" ? {} : { state, ...(state === "open" && { left: true }) }) };
  const about = JSON.stringify(query);
  const list = useInfiniteQuery({
    queryKey: ["failed", "groups", about], refetchInterval: useRefetch("by events"), placeholderData: keepPreviousData, initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => answer(api.GET("/api/symphony/failed/groups", { params: { query: { ...query, limit: 50, cursor: pageParam } }, signal })),
    getNextPageParam: (last) => (last.hasMore ? last.nextCursor : undefined),
  });
  const found = useMemo(() => list.data?.pages.flatMap((p) => p.groups) ?? [], [list.data]);
  // What is still shown of other filters is not what these have.
  const settled = useSettled(found, groupKey, list.isPlaceholderData ? "" : about);
  const filtered = type !== undefined || q !== undefined || transport !== undefined;

  const columns = useMemo((): Column<Group>[] => [
    { id: "failure", name: t.columns.failure, cell: (g) => <GroupName group={g} />, width: "minmax(16rem,1fr)", phone: "title" },
    { id: "series", name: t.columns.last24h, width: "8rem", cell: (g) => <Sparkline values={g.series} color="--failed" label={t.series(g.series.reduce((n, v) => n + v, 0))} /> },
    {
      id: "count", name: t.columns.count, align: "right", width: "6rem",
      cell: (g) => <span className="flex flex-col max-sm:flex-row max-sm:gap-1"><span className="font-semibold">{count(g.count)}</span>{g.failures !== g.count && <span className="text-xs text-muted">{t.ofAll(g.failures)}</span>}</span>,
    },
    {
      id: "seen", name: t.columns.seen, width: "9rem",
      cell: (g) => <span className="flex flex-col max-sm:items-end"><Time at={g.lastSeen} /><span className="text-xs text-muted">{t.first} <Time at={g.firstSeen} /></span></span>,
    },
    { id: "state", name: t.columns.state, width: "8rem", cell: (g) => <GroupStanding group={g} inRow /> },
    ...(may("operate") ? [{ id: "actions", name: t.columns.actions, width: "9rem", cell: (g: Group) => <Actions group={g} onOpen={(action) => setOpen({ action, group: g })} /> }] : []),
    // eslint-disable-next-line
  ], [may("operate")]);

  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <div className="max-w-full overflow-x-auto">
          <Segmented label={t.state.label} value={state} onChange={(v) => put({ state: v === "open" ? undefined : v })}
            options={[...groupStates.map((s) => [s, t.state[s]] as const), ["all", t.state.all]]} />
        </div>
        <Typed label={t.type} placeholder={t.typeHint} value={type} onChange={(v) => put({ type: v })} className="w-56" />
        <Typed label={t.search} placeholder={t.search} value={q} onChange={(v) => put({ q: v })} className="min-w-56 flex-1" search />
        {filtered && <Button kind="quiet" onClick={() => put({ type: undefined, q: undefined, transport: undefined })}>{t.clear}</Button>}
      </div>
      {asked !== undefined && asked !== "all" && state === "all" && <Callout tone="warn">{t.stateBad(asked)}</Callout>}
      {!may("operate") && found.length > 0 && <p className="text-xs text-muted">{t.operate}</p>}
      {list.error && <ErrorNote error={list.error} retry={() => void list.refetch()} />}
      {settled.fresh > 0 && <div><Button onClick={settled.show}>{t.newGroups(settled.fresh)}</Button></div>}
      {list.isPending ? !list.error && <div className="card"><Loading lines={8} /></div> : settled.rows.length > 0 ? (
        <div className={`card min-w-0 ${list.isPlaceholderData ? "opacity-60" : ""}`}>
          <Table
            label={t.table} columns={columns} rows={settled.rows} rowKey={groupKey}
            onOpen={(g) => void navigate({ to: "/failed/group", search: { transport: g.transport, group: g.group } })}
            end={list.hasNextPage && <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button>}
          />
        </div>
      ) : !list.error && (
        <div className="card">
          {list.hasNextPage ? <Empty title={t.sparse}><div><Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{text.shared.more}</Button></div></Empty>
            : filtered ? <Empty title={t.none.filtered} />
            : state === "open" ? <NothingOpen /> : <Empty title={t.none.filtered} />}
        </div>
      )}
      {open && <GroupDialog action={open.action} group={open.group} onClose={() => setOpen(undefined)} />}
    </>
  );
}

/** Says that nothing is open; where nothing has ever failed, how something would. */
function NothingOpen() {
  const any = useInfiniteQuery({
    queryKey: ["failed", "groups", "any"], initialPageParam: undefined, getNextPageParam: () => undefined,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/failed/groups", { params: { query: { limit: 1 } }, signal })),
  });
  if (any.isPending) return <Loading />;
  if (any.data?.pages[0]?.groups.length) return <Empty title={t.none.open}>{t.none.openText}</Empty>;
  return <FirstFailure />;
}

function Actions({ group, onOpen }: { group: Group; onOpen: (action: GroupAction) => void }) {
  const navigate = useNavigate();
  const none = group.count === 0;
  return (
    <span className="flex items-center justify-end gap-1">
      {!none && <Button icon={<RotateCcw size={14} aria-hidden />} onClick={() => onOpen("retry")}>{t.actions.retry}</Button>}
      <Menu trigger={<IconButton label={t.actions.more(gist(group.sample).slice(0, 60))} icon={<Ellipsis size={16} aria-hidden />} />}>
        {!none && (
          <MenuItem icon={<PencilLine size={14} aria-hidden />} onSelect={() => void navigate({ to: "/failed/group", search: { transport: group.transport, group: group.group, panel: "correct" } })}>
            {t.actions.correct}
          </MenuItem>
        )}
        <MenuItem icon={<BellOff size={14} aria-hidden />} onSelect={() => onOpen("ignore")}>{t.actions.ignore}</MenuItem>
        <MenuItem icon={<CheckCheck size={14} aria-hidden />} onSelect={() => onOpen("resolve")}>{t.actions.resolve}</MenuItem>
        {!none && <><MenuSeparator /><MenuItem danger icon={<Trash2 size={14} aria-hidden />} onSelect={() => onOpen("delete")}>{t.actions.remove}</MenuItem></>}
      </Menu>
    </span>
  );
}
