import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { answer, api } from "../../api/client";
import { short } from "../../format/number";
import { useRefetch } from "../../live/live";
import { text } from "../../text";
import { Section } from "../../ui/page";
import { ErrorNote, Loading } from "../../ui/states";
import { StatusBadge, type Status } from "../../ui/status";
import { layout, type Box, type Told } from "./graph";
import type { Whole } from "./load";

const t = text.message.causes;
const most = 200;
const width = 208;
const height = 56;
const gapX = 40;
const gapY = 12;

/** The messages of the same story, by who has caused whom. Boxes are links, in the order in which they were dispatched. */
export function Causes({ m }: { m: Whole }) {
  const every = useRefetch("by nobody", m.status === "pending" || m.status === "processing" ? 5000 : 30_000);
  const query = useQuery({
    queryKey: ["messages", "story", m.correlationId],
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/messages", { params: { query: { correlationId: m.correlationId, sort: "createdAt", limit: most } }, signal })),
    refetchInterval: every,
  });
  const boxes = useMemo(() => {
    const story = new Map<string, Told>();
    const add = (s: { id: string; causationId?: string; status: string; transport: string; message: { type: string }; createdAt: string }) =>
      story.set(s.id, { id: s.id, causationId: s.causationId, status: s.status, transport: s.transport, type: s.message.type, createdAt: s.createdAt });
    query.data?.messages.forEach(add);
    add(m);
    return layout([...story.values()], m.id);
  }, [query.data, m]);
  const all = <Link to="/messages" search={{ correlationId: m.correlationId }} className="link">{t.all}</Link>;
  return (
    <Section title={t.title} actions={boxes.length > 1 && all}>
      {query.isPending ? <Loading lines={2} />
        : query.isError && !query.data ? <div className="p-3"><ErrorNote error={query.error} retry={() => void query.refetch()} /></div>
        : boxes.length === 1 && boxes[0]!.messages.length === 1 ? <p className="p-4 text-sm text-muted">{t.alone}</p>
        : <Graph boxes={boxes} focus={m.id} story={m.correlationId} />}
      {query.data?.pagination.hasMore && <p className="border-t border-line p-3 text-xs text-muted">{t.more(most)}</p>}
    </Section>
  );
}

function Graph({ boxes, focus, story }: { boxes: Box[]; focus: string; story: string }) {
  const by = new Map(boxes.flatMap((b) => b.messages.map((m) => [m.id, b] as const)));
  const x = (b: Box) => b.column * (width + gapX);
  const y = (b: Box) => b.row * (height + gapY);
  const wide = Math.max(...boxes.map((b) => x(b) + width));
  const tall = Math.max(...boxes.map((b) => y(b) + height));
  return (
    <div tabIndex={0} role="group" aria-label={t.label} className="max-h-96 overflow-auto p-4">
      <div className="relative" style={{ width: wide, height: tall }}>
        <svg aria-hidden width={wide} height={tall} className="absolute inset-0">
          {boxes.map((b) => {
            const cause = b.parent === undefined ? undefined : by.get(b.parent);
            if (!cause) return null;
            const from = [x(cause) + width, y(cause) + height / 2] as const;
            const to = [x(b), y(b) + height / 2] as const;
            const mid = from[0] + gapX / 2;
            return <path key={b.key} d={`M${from[0]} ${from[1]} H${mid} V${to[1]} H${to[0]}`} fill="none" stroke="var(--strong)" />;
          })}
        </svg>
        <ul>
          {boxes.map((b) => (
            <li key={b.key} className="absolute" style={{ left: x(b), top: y(b), width, height }}>
              <BoxLink box={b} here={b.messages.length === 1 && b.messages[0]!.id === focus} story={story} />
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function BoxLink({ box, here, story }: { box: Box; here: boolean; story: string }) {
  const [m] = box.messages;
  const look = `flex h-full flex-col justify-center gap-0.5 rounded-md border px-2 text-xs ${here ? "border-accent bg-accent-soft" : "border-line bg-surface hover:bg-hover"}`;
  if (box.messages.length > 1) {
    const counts = new Map<string, number>();
    for (const o of box.messages) counts.set(o.status, (counts.get(o.status) ?? 0) + 1);
    return (
      <Link to="/messages" search={{ correlationId: story, type: m!.type, ...(box.parent !== undefined && { causationId: box.parent }) }} className={look}>
        <span className="truncate font-medium foreign">{t.group(box.messages.length, m!.type)}</span>
        <span className="flex gap-2 tabular">{[...counts].map(([status, n]) => <span key={status} className="inline-flex items-center gap-0.5"><StatusBadge status={status as Status} iconOnly />{short(n)}</span>)}</span>
      </Link>
    );
  }
  return (
    <Link to="/messages/$id" params={{ id: m!.id }} search={{ transport: m!.transport }} aria-current={here ? "page" : undefined} className={look}>
      <span className="truncate font-medium foreign">{m!.type}</span>
      <span className="flex items-center gap-2"><StatusBadge status={m!.status as Status} />{here && <span className="text-muted">{t.this}</span>}</span>
    </Link>
  );
}
