import { useEffect, useState } from "react";
import { address } from "../../api/client";
import { LiveConnection, type LiveEvent } from "../../live/connection";
import { useLive } from "../../live/live";

/** An alert from when it fired to its end; without an end as long as none was told. */
export type Past = { alert: string; rule: string; transport: string; queue?: string; value?: number; unit: string; began: string; ended?: string };

type Told = { alert: string; rule: string; transport: string; queue?: string; value: number; unit: string; since: string };

/** Makes alerts of the events that tell of them, the newest first. Events may come twice and in any order. */
export function pastOf(events: Iterable<LiveEvent>): Past[] {
  const alerts = new Map<string, Past>();
  for (const e of events) {
    const d = e.data as unknown as Told;
    const known = alerts.get(d.alert) ?? { alert: d.alert, rule: d.rule, transport: d.transport, queue: d.queue, unit: d.unit, began: d.since };
    alerts.set(d.alert, e.type === "alert.firing" ? { ...known, value: d.value } : { ...known, ended: e.at });
  }
  return [...alerts.values()].sort((a, b) => Date.parse(b.began) - Date.parse(a.began));
}

/**
 * The alerts of the events that the server keeps, and those that are told while the page is open; undefined until the
 * stream stands. It is another connection, of which browsers have few: it is there for this page alone.
 */
export function useHistory(): Past[] | undefined {
  const paused = useLive().state === "paused";
  const [past, setPast] = useState<Past[]>();
  useEffect(() => {
    if (paused) return;
    // Each connection begins with the oldest event again, so what is told twice is told apart by its number.
    const events = new Map<number, LiveEvent>();
    const stream = new LiveConnection(address("/api/symphony/events?types=alert.*&after=0"), address("/healthz"));
    const stop = stream.listen((e) => {
      if (e.id !== undefined && e.type.startsWith("alert.")) events.set(e.id, e);
      setPast(pastOf(events.values()));
    });
    stream.start();
    return () => {
      stop();
      stream.stop();
    };
  }, [paused]);
  return past;
}
