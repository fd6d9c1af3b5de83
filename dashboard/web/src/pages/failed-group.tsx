import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { BellOff, CheckCheck, Ellipsis, PencilLine, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { answer, api } from "../api/client";
import { usePermissions } from "../api/session";
import { count } from "../format/number";
import { useRefetch } from "../live/live";
import { one, type Search } from "../search";
import { text } from "../text";
import { Button, IconButton } from "../ui/button";
import { Clamped } from "../ui/clamped";
import { Menu, MenuItem } from "../ui/menu";
import { Facts, Page, Section } from "../ui/page";
import { Sparkline } from "../ui/sparkline";
import { Callout, Empty, ErrorNote, Loading } from "../ui/states";
import { Time } from "../ui/time";
import type { Group, Which } from "./failed/calls";
import { Correct } from "./failed/correct";
import { GroupDialog, type GroupAction } from "./failed/dialogs";
import { Samples } from "./failed/samples";
import { Shapes } from "./failed/shapes";
import { gist, GroupStanding } from "./failed/state";
import { Where } from "./failed/where";

const t = text.failed;
const samples = 100;

/** One kind of failure: what it is, examples, and what can be done about all of it. */
export default function FailedGroup() {
  const search: Search = useSearch({ strict: false });
  const group = one(search.group);
  const transport = one(search.transport);
  if (!group) return <Page title={t.title}><div className="card"><Empty title={t.group.missing}><Link to="/failed" className="link">{t.group.back}</Link></Empty></div></Page>;
  return <Known key={`${transport}/${group}`} name={group} transport={transport} />;
}

function Known({ name, transport }: { name: string; transport?: string }) {
  const every = useRefetch("by events");
  const q = useQuery({
    queryKey: ["failed", "group", transport, name], refetchInterval: every, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/failed/groups", { params: { query: { transport, failureGroup: name, limit: 1 } }, signal })),
  });
  const group = q.data?.groups[0];
  if (group) return <One group={group} error={q.error} />;
  return (
    <Page title={t.title} lead={<Link to="/failed" className="link">{t.group.back}</Link>}>
      {q.error ? <ErrorNote error={q.error} retry={() => void q.refetch()} /> : <div className="card">{q.isPending ? <Loading lines={6} /> : <Empty title={t.group.gone} />}</div>}
    </Page>
  );
}

function One({ group, error }: { group: Group; error: unknown }) {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { may } = usePermissions();
  const [open, setOpen] = useState<GroupAction>();
  const which: Which = { group: group.group, transport: group.transport };
  const correcting = one(search.panel) === "correct" && may("operate") && group.count > 0;
  const panel = (v: string | undefined) => void navigate({ to: ".", search: (s: Search) => ({ ...s, panel: v }), resetScroll: false });
  const letters = useQuery({
    // While somebody edits an example, it does not change under his hands.
    queryKey: ["failed", "samples", group.transport, group.group], refetchInterval: correcting ? false : 60_000, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/failed", { params: { query: { transport: group.transport, failureGroup: group.group, limit: samples } }, signal })),
  });
  const newest = letters.data?.messages ?? [];
  const none = group.count === 0;
  return (
    <Page
      title={`${gist(group.sample).slice(0, 80) || group.errorClass} · ${group.type}`}
      heading={<span className="line-clamp-3 text-lg">{gist(group.sample) || group.errorClass}</span>}
      lead={<Link to="/failed" className="link">{t.group.back}</Link>}
      actions={may("operate") && (
        <>
          {!none && !correcting && <Button kind="primary" icon={<PencilLine size={14} aria-hidden />} onClick={() => panel("correct")}>{t.actions.correct}</Button>}
          {!none && <Button icon={<RotateCcw size={14} aria-hidden />} onClick={() => setOpen("retry")}>{t.actions.retry}</Button>}
          <Button icon={<BellOff size={14} aria-hidden />} onClick={() => setOpen("ignore")}>{t.actions.ignore}</Button>
          <Button icon={<CheckCheck size={14} aria-hidden />} onClick={() => setOpen("resolve")}>{t.actions.resolve}</Button>
          {!none && (
            <Menu trigger={<IconButton label={t.actions.more(group.type)} icon={<Ellipsis size={16} aria-hidden />} />}>
              <MenuItem danger icon={<Trash2 size={14} aria-hidden />} onSelect={() => setOpen("delete")}>{t.actions.remove}</MenuItem>
            </Menu>
          )}
        </>
      )}
    >
      {error != null && <ErrorNote error={error} />}
      {group.group === "other" && <Callout>{t.group.other}</Callout>}
      {correcting && <Correct group={group} letters={newest} loading={letters.isPending} onClose={() => panel(undefined)} />}
      <div className="card grid min-w-0 items-start sm:grid-cols-2">
        <Facts rows={[
          [t.group.facts.type, <Link key="type" to="/type" search={{ type: group.type }} className="link">{group.type}</Link>],
          [t.group.facts.errorClass, group.errorClass], [t.group.facts.transport, group.transport],
          [t.group.facts.state, <GroupStanding key="state" group={{ ...group, note: "" }} />], [t.group.facts.note, group.note && <Clamped key="note" text={group.note} />],
          [t.group.facts.name, <code key="name" className="font-mono text-xs">{group.group}</code>],
        ]} />
        <Facts rows={[
          [t.group.facts.left, <span key="left" className="font-semibold tabular">{count(group.count)}</span>], [t.group.facts.failures, <span key="all" className="tabular">{count(group.failures)}</span>],
          [t.group.facts.attempts, <span key="attempts" className="tabular">{count(group.attempts)}</span>],
          [t.group.facts.first, <Time key="first" at={group.firstSeen} />], [t.group.facts.last, <Time key="last" at={group.lastSeen} />],
          [t.columns.last24h, <Sparkline key="series" values={group.series} color="--failed" width={192} label={t.series(group.series.reduce((n, v) => n + v, 0))} />],
        ]} />
      </div>
      <Section
        title={t.group.samples} bare
        actions={!none && <Link to="/failed" search={{ view: "messages", transport: which.transport, failureGroup: which.group }} className="link text-sm">{t.group.allMessages}</Link>}
      >
        {letters.error && <ErrorNote error={letters.error} retry={() => void letters.refetch()} />}
        <div className="card min-w-0">
          {letters.isPending ? <Loading /> : newest.length === 0 ? <Empty title={t.group.none} /> : <Samples letters={newest} total={group.count} />}
        </div>
      </Section>
      {newest.length > 0 && <Shapes type={group.type} transport={group.transport} letters={newest} />}
      {newest.length > 0 && <Where letters={newest} />}
      {open && <GroupDialog action={open} group={group} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}
