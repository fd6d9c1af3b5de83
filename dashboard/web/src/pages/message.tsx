import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ApiError } from "../api/errors";
import { useRefetch } from "../live/live";
import { LargeJson } from "../json/large";
import { one } from "../search";
import { text } from "../text";
import { CopyButton } from "../ui/copy";
import { Page } from "../ui/page";
import { Empty, ErrorNote, Loading } from "../ui/states";
import { StatusBadge } from "../ui/status";
import { Actions } from "./message/actions";
import { Alike } from "./message/alike";
import { Audit } from "./message/audit";
import { Beside } from "./message/beside";
import { Causes } from "./message/causes";
import { About } from "./message/facts";
import { useMessageEvents } from "./message/live";
import { deadLetterQuery, messageQuery, whereQuery } from "./message/load";
import { Parts } from "./message/parts";
import { State } from "./message/state";
import { Story } from "./message/story";

const t = text.message;

/** One message: where it is and why, its story, what it carries, and what can be done with it. */
export default function Message() {
  const { id = "" } = useParams({ strict: false });
  const transport = one(useSearch({ strict: false }).transport);
  return transport ? <Known key={`${transport} ${id}`} id={id} transport={transport} /> : <Unknown id={id} />;
}

/** Finds out which transport has it; the id may be that of the dead letter. */
function Unknown({ id, not }: { id: string; not?: string }) {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const where = useQuery(whereQuery(id));
  const found = where.data;
  const elsewhere = found !== undefined && (found.transport !== not || found.messageId !== id);
  useEffect(() => {
    if (found && elsewhere) void navigate({ to: "/messages/$id", params: { id: found.messageId }, search: { ...search, transport: found.transport }, replace: true });
  }, [found, elsewhere, navigate, search]);
  if (where.isError) return <Missing error={where.error} retry={() => void where.refetch()} />;
  return <Page title={t.finding}><Loading /></Page>;
}

function Missing({ error, retry }: { error: unknown; retry: () => void }) {
  const e = error instanceof ApiError ? error : undefined;
  if (e?.status !== 404) return <Page title={t.missing.title}><ErrorNote error={error} retry={retry} /></Page>;
  const next = e.code === "retried" && typeof e.details.newMessageId === "string" ? e.details.newMessageId : undefined;
  return (
    <Page title={next ? t.missing.retriedTitle : t.missing.title}>
      <Empty title={next ? t.missing.retried : t.missing.text}>
        {next ? <Link to="/messages/$id" params={{ id: next }} className="link font-mono">{next}</Link> : <Link to="/messages" className="link">{t.missing.list}</Link>}
      </Empty>
    </Page>
  );
}

function Known({ id, transport }: { id: string; transport: string }) {
  const list = one(useSearch({ strict: false }).list);
  const [unmask, setUnmask] = useState(false);
  const often = useRefetch("by nobody", 2000);
  const rarely = useRefetch("by nobody", 30_000);
  const query = useQuery({
    ...messageQuery(id, transport, unmask),
    refetchInterval: (q) => {
      const m = q.state.data;
      // What has ended stays as it is, but for a dead letter, and large ones are not read again and again.
      if (unmask || !m || m.status === "completed" || m.status === "cancelled") return false;
      return m.status === "failed" || m.message.payload instanceof LargeJson ? rarely : often;
    },
    retry: (n, e) => n < 2 && e instanceof ApiError && e.passing,
  });
  const m = query.data;
  const active = m !== undefined && (m.status === "pending" || m.status === "processing");
  const progress = useMessageEvents(m?.id, active);
  const dead = useQuery({ ...deadLetterQuery(m?.failedId ?? "", transport), enabled: m?.failedId !== undefined });
  const group = dead.data?.failureGroup;
  if (query.isError && (!m || (query.error instanceof ApiError && query.error.status === 404))) {
    const e = query.error;
    if (e instanceof ApiError && e.status === 404 && e.code !== "retried") return <Unknown id={id} not={transport} />;
    return <Missing error={e} retry={() => void query.refetch()} />;
  }
  if (!m) return <Page title={t.finding}><Loading lines={8} /></Page>;
  return (
    <Page
      title={t.title(m.message.type)}
      heading={<span className="line-clamp-3">{m.message.type}</span>}
      lead={(
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <StatusBadge status={m.status} />
          <span className="inline-flex min-w-0 items-center gap-1 font-mono text-xs"><span className="min-w-0 foreign">{m.id}</span><CopyButton value={m.id} label={t.copyId} /></span>
        </span>
      )}
      actions={<>{list !== undefined && <Beside id={m.id} list={list} />}<Actions m={m} /></>}
    >
      {query.isError && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      <State m={m} group={group} progress={progress} />
      <div className="grid min-w-0 grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_24rem]">
        <div className="flex min-w-0 flex-col gap-4">
          <Story m={m} />
          <Parts m={m} onUnmask={() => setUnmask(true)} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <About m={m} group={group} />
          <Audit m={m} />
        </div>
      </div>
      <Causes m={m} />
      <Alike m={m} />
    </Page>
  );
}
