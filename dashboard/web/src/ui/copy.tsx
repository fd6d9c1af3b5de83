import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { text } from "../text";
import { IconButton } from "./button";

/** Copies a text; also on pages without TLS, where browsers have no clipboard for programs. Tells whether it could. */
export async function copyText(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = value;
    area.className = "fixed top-0 left-0 opacity-0";
    // Inside an open dialog nothing outside of it can have the focus.
    const home = document.querySelector("dialog[open]") ?? document.body;
    home.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A button that copies a text. label says what, for those who cannot see beside what it stands. */
export function CopyButton({ value, label = text.shared.copy }: { value: string | (() => string); label?: string }) {
  const [done, setDone] = useState(false);
  return (
    <IconButton
      label={done ? text.shared.copied : label}
      icon={done ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
      onClick={async () => {
        if (!(await copyText(typeof value === "string" ? value : value()))) return;
        setDone(true);
        window.setTimeout(() => setDone(false), 1500);
      }}
    />
  );
}

/** Code with a button that copies it. */
export function Code({ children, label }: { children: string; label?: string }) {
  return (
    <div className="relative rounded-md border border-line bg-sunken">
      <pre tabIndex={0} className="overflow-x-auto p-3 pr-10 font-mono text-xs leading-5 text-text">{children}</pre>
      <div className="absolute top-1 right-1 rounded-md bg-sunken"><CopyButton value={children} label={label} /></div>
    </div>
  );
}
