import { createContext, createElement, useContext, useSyncExternalStore, type ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "../api/session";
import type { ZoneChoice } from "../format/time";

export type ThemeChoice = "light" | "dark" | "system";

/** A choice of the viewer's, kept in this browser. Of a browser that keeps nothing it lasts as long as the page. */
class Choice<T extends string> {
  private value: T;
  private readonly watchers = new Set<() => void>();

  constructor(private readonly name: string, options: readonly T[], otherwise: T) {
    let kept: string | null = null;
    try {
      kept = localStorage.getItem(name);
    } catch {
      // Storage is switched off.
    }
    this.value = options.find((o) => o === kept) ?? otherwise;
  }

  get = () => this.value;

  set = (v: T) => {
    this.value = v;
    try {
      localStorage.setItem(this.name, v);
    } catch {
      // It lasts as long as the page.
    }
    for (const w of this.watchers) w();
  };

  subscribe = (w: () => void) => {
    this.watchers.add(w);
    return () => void this.watchers.delete(w);
  };
}

export const themeChoice = new Choice<ThemeChoice>("symphony.theme", ["light", "dark", "system"], "system");
export const zoneChoice = new Choice<ZoneChoice>("symphony.zone", ["local", "server", "utc"], "local");

/** Where in the dashboard somebody wants to be who leaves it to sign in with a provider. It is kept for his tab alone. */
export const comeBackTo = {
  write(to: string) {
    try {
      sessionStorage.setItem("symphony.to", to);
    } catch {
      // Then he comes back to the overview.
    }
  },
  /** What was written, once. */
  take(): string | undefined {
    try {
      const to = sessionStorage.getItem("symphony.to") ?? undefined;
      sessionStorage.removeItem("symphony.to");
      return to;
    } catch {
      return undefined;
    }
  },
};

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Puts the chosen theme on the document, and again whenever it or the system's changes. Call once. */
export function applyTheme() {
  const apply = () => {
    document.documentElement.dataset.theme = currentTheme();
  };
  dark.addEventListener("change", apply);
  themeChoice.subscribe(apply);
  apply();
}

function currentTheme(): "light" | "dark" {
  const chosen = themeChoice.get();
  return chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
}

/** The theme that is shown. */
export function useTheme(): "light" | "dark" {
  return useSyncExternalStore((w) => {
    const stop = themeChoice.subscribe(w);
    dark.addEventListener("change", w);
    return () => {
      stop();
      dark.removeEventListener("change", w);
    };
  }, currentTheme);
}

/** What was chosen, to show and change the choice. */
export function useChoice<T extends string>(choice: Choice<T>): [T, (v: T) => void] {
  return [useSyncExternalStore(choice.subscribe, choice.get), choice.set];
}

const Zone = createContext<string | undefined>(undefined);

/** Tells the zone of times to everything below it: it is found once, as a long list has many times and each of them asks. */
export function ZoneProvider({ children }: { children: ReactNode }) {
  const [zone] = useChoice(zoneChoice);
  const { data } = useQuery({ ...sessionQuery, enabled: false });
  return createElement(Zone, { value: zone === "utc" ? "UTC" : zone === "server" ? data?.timezone || "UTC" : undefined }, children);
}

/** The zone of times on the page, such as Europe/Berlin; undefined for the viewer's. */
export function useZone(): string | undefined {
  return useContext(Zone);
}
