import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { usePermissions } from "../api/session";
import { useLive } from "../live/live";
import { text } from "../text";
import { Dialog } from "../ui/dialog";
import { inField } from "../ui/in-field";
import { navigation } from "./pages";
import { themeChoice, useTheme } from "./preferences";

const t = text.frame.shortcuts;

/** The keys that work on every page; those of tables are in ui/table.tsx. */
export function useShortcuts({ palette, help }: { palette: () => void; help: () => void }) {
  const navigate = useNavigate();
  const live = useLive();
  const theme = useTheme();
  const { can } = usePermissions();
  const going = useRef(0);
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === "k") {
        e.preventDefault();
        palette();
        return;
      }
      if (e.metaKey || e.ctrlKey || e.altKey || inField(e.target) || document.querySelector("dialog[open]")) return;
      if (Date.now() - going.current < 1500) {
        going.current = 0;
        const page = navigation.flatMap((g) => g.pages).find((p) => p.key === e.key && can(p.scope));
        if (page) {
          e.preventDefault();
          void navigate({ to: page.to });
        }
        return;
      }
      switch (e.key) {
        case "g": going.current = Date.now(); break;
        case "?": help(); break;
        case "/": {
          const search = document.querySelector<HTMLInputElement>("main [data-search]");
          if (search) {
            e.preventDefault();
            search.focus();
            search.select();
          } else {
            e.preventDefault();
            palette();
          }
          break;
        }
        case "p": live.state === "paused" ? live.resume() : live.pause(); break;
        case "T": themeChoice.set(theme === "dark" ? "light" : "dark"); break;
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
}

/** The list of all shortcuts. */
export function Shortcuts({ onClose }: { onClose: () => void }) {
  const { can } = usePermissions();
  const rows: [string[], string][] = [
    [["?"], t.help], [["/"], t.search], [["⌘K", "Ctrl K"], t.palette], [["j", "↓"], t.next], [["k", "↑"], t.previous], [["x"], t.select],
    [["Enter", "o"], t.open], [["Esc"], t.back], [["p"], t.pause], [["T"], t.theme],
  ];
  const go = navigation.flatMap((g) => g.pages).filter((p) => can(p.scope));
  const key = (k: string) => <kbd key={k} className="ml-1 rounded border border-line bg-sunken px-1.5 font-mono text-xs">{k}</kbd>;
  return (
    <Dialog title={t.title} onClose={onClose}>
      <dl className="grid grid-cols-[1fr_auto] gap-x-6 gap-y-1.5 text-sm">
        {rows.map(([keys, what]) => <div key={what} className="contents"><dt>{what}</dt><dd className="text-right">{keys.map(key)}</dd></div>)}
        <div className="contents"><dt className="pt-2 text-muted">{t.go}</dt><dd className="pt-2 text-right">{key("g")}</dd></div>
        {go.map((p) => <div key={p.to} className="contents"><dt className="pl-4">{p.name}</dt><dd className="text-right">{key("g")}{key(p.key)}</dd></div>)}
      </dl>
    </Dialog>
  );
}
