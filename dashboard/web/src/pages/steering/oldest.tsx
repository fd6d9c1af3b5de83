import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import type { Shape } from "../../api/client";
import { findMessages } from "../../api/find";
import { count } from "../../format/number";
import { useRefetch } from "../../live/live";
import { text } from "../../text";
import { Section } from "../../ui/page";
import { ErrorNote, Loading } from "../../ui/states";
import { Table, type Column } from "../../ui/table";
import { Time } from "../../ui/time";

const t = text.queues.detail;
type Message = Shape<"StoredMessage">;
const shown = 10;

const columns: Column<Message>[] = [
  {
    id: "message", name: t.message, phone: "title", width: "minmax(12rem,2fr)",
    cell: (m) => <Link to="/messages/$id" params={{ id: m.id }} search={{ transport: m.transport }} className="link foreign" title={m.message.type}>{m.message.type}</Link>,
  },
  { id: "created", name: t.created, width: "9rem", cell: (m) => <Time at={m.createdAt} /> },
  { id: "due", name: t.due, width: "9rem", cell: (m) => <Time at={m.availableAt ?? m.scheduledAt} ahead /> },
  { id: "attempts", name: t.attempts, align: "right", width: "6rem", cell: (m) => count(m.attempt) },
  { id: "priority", name: t.priority, align: "right", width: "5rem", cell: (m) => count(m.priority) },
];

/** The messages that wait for the longest, by when they were created. */
export function OldestSection({ of }: { of: { transport?: string; queue?: string; type?: string } }) {
  const navigate = useNavigate();
  const refetchInterval = useRefetch("by nobody", 5000);
  const { data, error, refetch } = useQuery({
    queryKey: ["messages", "oldest", of], refetchInterval, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => findMessages({ ...of, status: ["pending"], sort: "createdAt", limit: shown }, signal),
  });
  return (
    <Section title={t.oldest} actions={<Link to="/messages" search={{ ...of, status: "pending" }} className="link text-sm">{t.seeAll}</Link>}>
      {error && !data ? <div className="p-3"><ErrorNote error={error} retry={() => void refetch()} /></div> : !data ? <Loading /> : data.messages.length === 0
        ? <p className="p-4 text-sm text-muted">{data.pagination.hasMore ? t.noneFound : t.noneWaiting}</p>
        : <Table label={t.oldest} columns={columns} rows={data.messages} rowKey={(m) => `${m.transport}/${m.id}`} onOpen={(m) => void navigate({ to: "/messages/$id", params: { id: m.id }, search: { transport: m.transport } })} />}
    </Section>
  );
}
