import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { findMessages } from "../../api/find";
import { writeJson, type Json } from "../../api/json";
import { useZone } from "../../frame/preferences";
import { absolute } from "../../format/time";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Section } from "../../ui/page";
import { ErrorNote, Loading } from "../../ui/states";
import { StatusBadge } from "../../ui/status";
import { Time } from "../../ui/time";
import { say } from "../../ui/toast";

const t = text.send.recent;

/** The payloads of a type's last messages, to begin with one of them. */
export function Recent({ type, onUse }: { type: string; onUse: (payload: string) => void }) {
  const zone = useZone();
  const query = useQuery({
    queryKey: ["messages", "recent", type],
    queryFn: ({ signal }) => findMessages({ type, limit: 5 }, signal),
    placeholderData: keepPreviousData,
  });
  const usable = query.data?.messages.filter((m) => !m.masked && !m.omitted?.payload && !m.unreadable) ?? [];
  return (
    <Section title={t.title}>
      {query.isPending ? <Loading /> : query.isError && !query.data ? <div className="p-3"><ErrorNote error={query.error} retry={() => void query.refetch()} /></div>
        : usable.length === 0 ? <p className="p-4 text-sm text-muted">{t.empty}</p> : (
          <ol className="flex flex-col">
            {usable.map((m) => {
              const written = writeJson(m.message.payload as Json);
              return (
                <li key={m.id} className="flex items-center gap-2 border-b border-line px-4 py-2 last:border-b-0">
                  <div className="min-w-0 flex-1">
                    <p className="flex items-center gap-2 text-xs text-muted"><StatusBadge status={m.status} iconOnly /><Time at={m.createdAt} /></p>
                    <code className="line-clamp-2 font-mono text-xs foreign">{written.slice(0, 300)}</code>
                  </div>
                  <Button aria-label={t.useLabel(absolute(m.createdAt, zone))} onClick={() => {
                    onUse(writeJson(m.message.payload as Json, 2));
                    say(t.replaced);
                  }}>{t.use}</Button>
                </li>
              );
            })}
          </ol>
        )}
    </Section>
  );
}
