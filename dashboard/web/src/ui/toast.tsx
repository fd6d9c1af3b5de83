import { X } from "lucide-react";
import { useSyncExternalStore, type ReactNode } from "react";
import { text } from "../text";
import { IconButton } from "./button";

type Toast = { id: number; content: ReactNode; tone: "done" | "danger" };

let toasts: Toast[] = [];
let next = 1;
const watchers = new Set<() => void>();

function set(list: Toast[]) {
  toasts = list;
  for (const w of watchers) w();
}

/** Says in passing what was done, or what did not work. What must be acted on belongs on the page. */
export function say(content: ReactNode, tone: Toast["tone"] = "done") {
  const toast = { id: next++, content, tone };
  set([...toasts.slice(-3), toast]);
  window.setTimeout(() => set(toasts.filter((t) => t.id !== toast.id)), tone === "danger" ? 12_000 : 6000);
}

/** Where toasts are shown; once, in the frame. */
export function Toasts() {
  const list = useSyncExternalStore((w) => (watchers.add(w), () => void watchers.delete(w)), () => toasts);
  return (
    <div role="status" aria-live="polite" className="fixed right-4 bottom-4 left-4 z-50 flex flex-col items-end gap-2 pointer-events-none">
      {list.map((t) => (
        <div key={t.id} className={`card pointer-events-auto flex max-w-md items-center gap-2 py-1 pr-1 pl-3 text-sm shadow-lg ${t.tone === "danger" ? "border-danger! text-danger" : ""}`}>
          <span className="min-w-0 foreign">{t.content}</span>
          <IconButton label={text.shared.close} icon={<X size={14} aria-hidden />} onClick={() => set(toasts.filter((o) => o.id !== t.id))} />
        </div>
      ))}
    </div>
  );
}
