import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { address } from "../api/client";
import { usePermissions } from "../api/session";
import { LiveConnection, type LiveEvent, type LiveState } from "./connection";

const Context = createContext<LiveConnection | null>(null);

/** Which queries an event makes stale, by the beginning of its type. The first part of a key names its page. */
const touched: [prefix: string, keys: string[]][] = [
  ["message.failed", ["failed", "counts"]],
  ["hold.", ["holds", "queues", "types", "status"]],
  ["limit.", ["limits", "queues", "types"]],
  ["schedule.", ["schedules"]],
  ["operation.", ["operations"]],
  ["alert.", ["alerts"]],
  ["worker.", ["workers"]],
  ["node.", ["workers"]],
  ["audit", ["audit", "keys"]],
];

/** Keeps the connection to the server's events for everything below it. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [connection] = useState(() => new LiveConnection(address("/api/symphony/events"), address("/healthz")));
  const open = usePermissions().can("observe");
  useEffect(() => {
    if (!open) return;
    connection.start();
    const stale = new Set<string>();
    let timer: number | undefined;
    const stop = connection.listen((e) => {
      for (const [prefix, keys] of touched) if (e.type.startsWith(prefix)) keys.forEach((k) => stale.add(k));
      if (e.type === "reset") void client.invalidateQueries();
      // A thousand failures a second make one question, not a thousand.
      if (stale.size > 0) {
        timer ??= window.setTimeout(() => {
          timer = undefined;
          for (const key of stale) void client.invalidateQueries({ queryKey: [key] });
          stale.clear();
        }, 1000);
      }
    });
    return () => {
      stop();
      window.clearTimeout(timer);
      connection.stop();
    };
  }, [connection, client, open]);
  return <Context.Provider value={connection}>{children}</Context.Provider>;
}

function useConnection(): LiveConnection {
  const c = useContext(Context);
  if (!c) throw new Error("live outside of LiveProvider");
  return c;
}

/** The state of the connection, and what pauses it. */
export function useLive() {
  const c = useConnection();
  const state = useSyncExternalStore(c.subscribe, () => c.state);
  return useMemo(() => ({ ...state, pause: () => c.pause(), resume: () => c.resume() }), [state, c]);
}

/** Calls with each event whose type begins with a prefix. */
export function useLiveEvent(prefix: string, call: (e: LiveEvent) => void) {
  const c = useConnection();
  const latest = useRef(call);
  useEffect(() => {
    latest.current = call;
  });
  useEffect(() => c.listen((e) => e.type.startsWith(prefix) && latest.current(e)), [c, prefix]);
}

/**
 * How often a query asks again, in milliseconds; false while live updates are paused. Queries that events make stale
 * ask rarely while these come, and more often where they do not.
 */
export function useRefetch(told: "by events" | "by nobody", every = 5000): number | false {
  const { state } = useLive();
  if (state === "paused") return false;
  return told === "by events" && state === "live" ? 30_000 : every;
}

export type { LiveEvent, LiveState };
