import { useSyncExternalStore } from "react";
import { useZone } from "../frame/preferences";
import { absolute, relative, zoneName } from "../format/time";
import { duration } from "../format/duration";
import { Tooltip } from "./tooltip";

// One clock for all times on the page, which rests while nobody watches.
const watchers = new Set<() => void>();
let now = Date.now();
let timer: number | undefined;

function tick() {
  now = Date.now();
  for (const w of watchers) w();
}

function subscribe(call: () => void) {
  watchers.add(call);
  timer ??= window.setInterval(() => document.hidden || tick(), 1000);
  return () => {
    watchers.delete(call);
    if (watchers.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time now, in milliseconds, told anew each second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/** A time relative to now, with the absolute one in its tooltip; exact shows both. */
export function Time({ at, exact, className = "" }: { at: string | null | undefined; exact?: boolean; className?: string }) {
  const n = useNow();
  const zone = useZone();
  if (!at) return <span className="text-muted">–</span>;
  const whole = `${absolute(at, zone, true)} ${zoneName(zone, new Date(at))}`;
  if (exact) {
    return (
      <time dateTime={at} className={`tabular ${className}`}>
        {whole} <span className="text-muted">({relative(at, n, zone)})</span>
      </time>
    );
  }
  return <Tooltip text={whole}><time dateTime={at} className={`tabular whitespace-nowrap ${className}`}>{relative(at, n, zone)}</time></Tooltip>;
}

/** How long ago something began that goes on. */
export function Since({ at }: { at: string }) {
  const n = useNow();
  return <span className="tabular whitespace-nowrap">{duration(Math.max(0, Math.floor((n - Date.parse(at)) / 1000) * 1000))}</span>;
}
