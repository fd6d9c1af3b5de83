import { Link } from "@tanstack/react-router";
import { FileCog } from "lucide-react";
import { ApiError } from "../../api/errors";
import { useZone } from "../../frame/preferences";
import { duration } from "../../format/duration";
import { absolute, relative, zoneName } from "../../format/time";
import { text } from "../../text";
import { Badge, StatusBadge, statusColor, type Status } from "../../ui/status";
import { useNow } from "../../ui/time";
import { Tooltip } from "../../ui/tooltip";
import { localZone, type Schedule } from "./definition";
import { useMessageState, useWords, type Run } from "./queries";

const t = text.schedules;

export function StateBadge({ state }: { state: Schedule["state"] }) {
  return <Badge tone={({ active: "good", disabled: "warn", completed: "plain" } as const)[state]}>{t.states[state]}</Badge>;
}

/** Says that a schedule is not made here; short shows it by its shape. */
export function FromConfig({ short }: { short?: boolean }) {
  return (
    <Tooltip text={t.fromConfigWhy}>
      <span tabIndex={0} className="inline-flex align-middle">
        <Badge><FileCog size={12} aria-hidden /><span className={short ? "sr-only" : ""}>{short ? t.fromConfig : t.sources.config}</span></Badge>
      </span>
    </Tooltip>
  );
}

/** When a schedule fires, in words. */
export function When({ schedule: s }: { schedule: Pick<Schedule, "kind" | "cron" | "timezone" | "interval" | "at"> }) {
  const words = useWords(s.cron);
  const zone = useZone();
  if (s.kind === "interval") return <>{t.every(duration(s.interval ?? 0))}</>;
  if (s.kind === "once") return <>{t.once} <time dateTime={s.at} className="tabular">{absolute(s.at ?? "", zone).slice(0, 16)}</time></>;
  return (
    <>
      <span className="foreign">{words ?? <code className="font-mono text-xs">{s.cron}</code>}</span>{" "}
      <span className="text-muted">{t.in(s.timezone ?? "UTC")}</span>
    </>
  );
}

/** The state of a message of a run, which leads to it. */
export function MessageState({ transport, id }: { transport: string; id: string }) {
  const { data, error } = useMessageState(transport, id);
  if (error instanceof ApiError && error.status === 404) return <Tooltip text={t.goneWhy}><span tabIndex={0} className="text-muted">{t.gone}</span></Tooltip>;
  return (
    <Link to="/messages/$id" params={{ id }} search={{ transport }} className="link inline-flex" aria-label={`${data ? text.shared.status[data] : text.shared.nothing} ${id}`}>
      {data ? <StatusBadge status={data} /> : <span className="font-mono text-xs">{id.slice(0, 13)}…</span>}
    </Link>
  );
}

const inks: Record<Run["outcome"], [string, number]> = {
  fired: ["var(--strong)", 1], skipped: ["var(--cancelled)", 0.5], skipped_overlap: ["var(--warn)", 0.5], skipped_missed: ["var(--cancelled)", 0.5], failed: ["var(--failed)", 1],
};

/**
 * The last runs as bars, oldest first: whole ones that fired or failed, half ones that were left out. Those whose message's
 * state is known, by its id, have the colour of that.
 */
export function RunStrip({ runs, states }: { runs: Run[]; states?: ReadonlyMap<string, Status> }) {
  const zone = useZone();
  const order = [...runs].reverse().map((r) => {
    const status = r.messages[0] && states?.get(r.messages[0].id);
    const [ink, share] = inks[r.outcome];
    return { seq: r.seq, at: r.occurrence, ink: status ? `var(${statusColor[status]})` : ink, share, name: status ? text.shared.status[status].toLowerCase() : t.outcomeShort[r.outcome] };
  });
  const counts = new Map<string, number>();
  for (const r of order) counts.set(r.name, (counts.get(r.name) ?? 0) + 1);
  const label = t.strip(runs.length, [...counts].map(([name, n]) => `${n} ${name}`).join(", "));
  return (
    <svg role="img" aria-label={label} width="100" height="20" viewBox="0 0 100 20" className="inline-block align-middle">
      <line x1="0" x2="100" y1="19.5" y2="19.5" stroke="var(--line)" />
      {order.map((r, i) => (
        <rect key={r.seq} x={(20 - order.length + i) * 5} width="4" y={20 - 18 * r.share} height={18 * r.share} fill={r.ink}><title>{`${absolute(r.at, zone)} ${r.name}`}</title></rect>
      ))}
    </svg>
  );
}

/** Times to come, on the clock of the schedule and, where that is another one, on the viewer's. */
export function NextRuns({ times, zone }: { times: string[]; zone?: string }) {
  const shown = useZone();
  const now = useNow();
  const mine = shown ?? localZone();
  const own = zone && zone !== mine ? zone : undefined;
  const seconds = times.some((at) => new Date(at).getUTCSeconds() !== 0);
  const cell = "px-3 py-1.5";
  return (
    <div className="@container">
      <table className="w-full text-sm">
        <thead className="text-left text-xs text-muted">
          <tr>
            <th className={`${cell} font-medium`}>{t.next.zone(own ?? mine)}</th>
            {own && <th className={`${cell} font-medium @max-md:hidden`}>{t.next.yours}</th>}
            <th className={`${cell} text-right font-medium`}>{t.next.from}</th>
          </tr>
        </thead>
        <tbody className="tabular">
          {times.map((at) => (
            <tr key={at} className="border-t border-line align-top">
              <td className={cell}>
                {clockOf(at, own ?? shown, seconds)}
                {own && <span className="block text-xs text-muted @md:hidden">{t.next.yours}: {clockOf(at, shown, seconds)}</span>}
              </td>
              {own && <td className={`${cell} @max-md:hidden`}>{clockOf(at, shown, seconds)}</td>}
              <td className={`${cell} text-right whitespace-nowrap`}>{relative(at, now, shown)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A time with the name that the zone has then: where it changes, clocks have. A zone that is unknown here is shown in UTC. */
function clockOf(at: string, zone: string | undefined, seconds: boolean): string {
  const cut = seconds ? 19 : 16;
  try {
    const day = new Intl.DateTimeFormat("en", { weekday: "short", timeZone: zone }).format(new Date(at));
    return `${day} ${absolute(at, zone).slice(0, cut)} ${zoneName(zone, new Date(at))}`;
  } catch {
    return `${absolute(at, "UTC").slice(0, cut)} UTC`;
  }
}
