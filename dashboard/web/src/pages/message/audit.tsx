import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { useRefetch } from "../../live/live";
import { text } from "../../text";
import { Section } from "../../ui/page";
import { ErrorNote, Loading } from "../../ui/states";
import { Badge } from "../../ui/status";
import { Time } from "../../ui/time";
import type { Whole } from "./load";

const t = text.message.audit;
const most = 20;

/** What people did to a message, for administrators: entries name it by its id or by that of its dead letter. */
export function Audit({ m }: { m: Whole }) {
  const { can } = usePermissions();
  const every = useRefetch("by events");
  // A retry names the failed one: what it has become is told there.
  const ids = [m.id, m.failedId, m.retryOf?.failedId, m.retryOf?.messageId].filter((id) => id !== undefined);
  const query = useQuery({
    queryKey: ["audit", "of", ...ids],
    queryFn: async ({ signal }) => {
      const pages = await Promise.all(ids.map((target) => answer(api.GET("/api/symphony/audit", { params: { query: { target, limit: most } }, signal }))));
      return [...new Map(pages.flatMap((p) => p.entries).map((e) => [e.id, e])).values()].sort((a, b) => b.id - a.id).slice(0, most);
    },
    enabled: can("admin"),
    refetchInterval: every,
  });
  if (!can("admin")) return null;
  const entries = query.data ?? [];
  return (
    <Section title={t.title} actions={<Link to="/audit" search={{ target: m.id }} className="link text-sm">{t.all}</Link>}>
      {query.isPending ? <Loading lines={1} /> : query.isError && !query.data ? <div className="p-3"><ErrorNote error={query.error} retry={() => void query.refetch()} /></div>
        : entries.length === 0 ? <p className="p-4 text-sm text-muted">{t.none}</p> : (
          <ol aria-label={t.label} className="flex flex-col text-sm">
            {entries.map((e) => (
              <li key={e.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 last:border-b-0">
                <code className="font-mono text-xs">{e.action}</code>
                <Badge tone={e.outcome === "ok" ? "good" : e.outcome === "unfinished" ? "plain" : "warn"}>{text.audit.outcomes[e.outcome]}</Badge>
                <span className="min-w-0 flex-1 truncate foreign">{e.who.name || e.who.id}</span>
                <Time at={e.at} className="text-muted" />
              </li>
            ))}
          </ol>
        )}
    </Section>
  );
}
