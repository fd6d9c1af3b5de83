import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { answer, api } from "../../api/client";
import { filterQuery, printFilter, withFilter, type Filter } from "../../filter";
import { count, short } from "../../format/number";
import { useRefetch } from "../../live/live";
import type { Search } from "../../search";
import { text } from "../../text";
import { statuses, StatusBadge } from "../../ui/status";

const t = text.messages;
const exact = { exact: true, includeSearch: true };

/** How many messages a filter selects by status, whatever status it asks for itself. */
export function useCounts(filter: Filter) {
  const plain = printFilter({ ...filter, status: undefined, queue: undefined, transport: undefined }) === "";
  const every = useRefetch("by nobody", plain ? 5000 : 20_000);
  const asked = { ...filter, status: undefined };
  return useQuery({
    queryKey: ["counts", printFilter(asked)], placeholderData: keepPreviousData, refetchInterval: every,
    queryFn: async ({ signal }) => {
      const c = await answer(api.GET("/api/symphony/messages/counts", { params: { query: filterQuery(asked, Date.now()) }, signal }));
      // Of messages that have not ended, and of dead letters, counters tell exactly where no more than queues are asked for.
      const more = (s: string) => !!c.atLeast && (!plain || s === "completed" || s === "cancelled");
      return { counts: c.counts, total: c.total, atLeast: !!c.atLeast, more };
    },
  });
}

export type Counts = NonNullable<ReturnType<typeof useCounts>["data"]>;

/** The statuses with how many there are, each a link to these. */
export function StatusTabs({ filter, search, counts }: { filter: Filter; search: Search; counts?: Counts }) {
  const tab = "flex min-h-9 items-center gap-2 whitespace-nowrap border-b-2 border-transparent px-3 text-sm hover:bg-hover aria-[current=page]:border-accent aria-[current=page]:font-semibold";
  const number = (n: number | undefined, more: boolean) => (
    <span className="text-xs text-muted tabular" title={n === undefined ? undefined : more ? `${count(n)}+ · ${t.atLeast}` : count(n)}>
      {n === undefined ? "…" : short(n) + (more ? "+" : "")}
    </span>
  );
  const ref = useRef<HTMLElement>(null);
  const chosen = filter.status?.join();
  useEffect(() => {
    // It returns a promise in some browsers, which is no way to clean up.
    void ref.current?.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [chosen]);
  return (
    <nav ref={ref} aria-label={t.tabs} className="flex overflow-x-auto border-b border-line">
      <Link to="/messages" search={withFilter(search, { ...filter, status: undefined })} className={tab} activeOptions={exact} resetScroll={false}>
        {text.shared.all}{number(counts?.total, !!counts?.atLeast)}
      </Link>
      {statuses.map((s) => (
        <Link key={s} to="/messages" search={withFilter(search, { ...filter, status: [s] })} className={tab} activeOptions={exact} resetScroll={false}>
          <StatusBadge status={s} />{number(counts?.counts[s], !!counts?.more(s))}
        </Link>
      ))}
    </nav>
  );
}
