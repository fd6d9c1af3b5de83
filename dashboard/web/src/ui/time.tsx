import { useSyncExternalStore } from "react";
import { useZone } from "../frame/preferences";
import { serverClock } from "../api/clock";
import { ago, relative } from "../format/time";
import { duration } from "../format/duration";
import { written } from "./time-tip";

// One clock for all times on the page, which rests while nobody watches, and is right at once when somebody does again.
const watchers = new Set<() => void>();
let now = serverClock.now();
let timer: number | undefined;

function tick() {
  if (document.hidden) return;
  now = serverClock.now();
  for (const w of watchers) w();
}

function subscribe(call: () => void) {
  watchers.add(call);
  if (timer === undefined) {
    now = serverClock.now();
    timer = window.setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
  }
  return () => {
    watchers.delete(call);
    if (watchers.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
      document.removeEventListener("visibilitychange", tick);
    }
  };
}

/** The time now by the server's clock, in milliseconds, told anew each second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/**
 * A time relative to now, with the absolute one where the pointer rests on it, by TimeTip; exact shows both. One that has been
 * never reads as one to come, whatever the clock says by which it was written; of one that may lie ahead, say so.
 */
export function Time({ at, exact, ahead, className = "" }: { at: string | null | undefined; exact?: boolean; ahead?: boolean; className?: string }) {
  const n = useNow();
  const zone = useZone();
  if (!at) return <span className="text-muted">–</span>;
  const near = (ahead ? relative : ago)(at, n, zone);
  if (exact) {
    return (
      <time dateTime={at} className={`tabular ${className}`}>
        {written(at, zone)} <span className="text-muted">({near})</span>
      </time>
    );
  }
  return <time dateTime={at} data-relative="" className={`tabular whitespace-nowrap ${className}`}>{near}</time>;
}

/** How long ago something began that goes on. */
export function Since({ at }: { at: string }) {
  const n = useNow();
  return <span className="tabular whitespace-nowrap">{duration(Math.max(0, Math.floor((n - Date.parse(at)) / 1000) * 1000))}</span>;
}
