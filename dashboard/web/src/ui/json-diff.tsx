import { useMemo, useState } from "react";
import { writeJson, type Json } from "../api/json";
import { lineDiff, nearChanges } from "../format/line-diff";
import { text } from "../text";
import { Button } from "./button";

const looks = { same: "", removed: "bg-danger-soft", added: "bg-good-soft" };
const signs = { same: " ", removed: "−", added: "+" };

// What is drawn before somebody asks for all of it.
const most = 400;

/** A value in lines without the commas at their ends: that another one follows is no change of a line. */
function written(value: Json): string {
  return writeJson(value, 2).replace(/,$/gm, "");
}

/** What has changed between two values of JSON, line by line; both are written in the same way before. */
export function JsonDiff({ before, after, label }: { before: Json; after: Json; label: string }) {
  const [all, setAll] = useState(false);
  const t = text.shared.diff;
  const lines = useMemo(() => lineDiff(written(before), written(after)), [before, after]);
  const near = useMemo(() => nearChanges(lines), [lines]);
  const shown = all ? lines : near.slice(0, most);
  if (lines.every((l) => l.kind === "same") && !all) {
    return <p className="p-3 text-sm text-muted">{t.none} <Button kind="quiet" onClick={() => setAll(true)}>{t.whole}</Button></p>;
  }
  return (
    <div className="min-w-0">
      <div role="region" aria-label={label} tabIndex={0} className="max-h-96 overflow-auto py-2 font-mono text-xs leading-5">
        {shown.map((l, i) => l === undefined ? <div key={i} className="px-3 text-muted" aria-hidden>…</div> : (
          <div key={i} className={`flex gap-2 px-3 ${looks[l.kind]}`}>
            <span aria-hidden className="w-2 shrink-0 text-muted select-none">{signs[l.kind]}</span>
            {l.kind !== "same" && <span className="sr-only">{t[l.kind]}</span>}
            <span className="min-w-0 whitespace-pre-wrap foreign">{l.text.length > 2000 ? l.text.slice(0, 2000) + "…" : l.text}</span>
          </div>
        ))}
      </div>
      {!all && (near.length > most || near.length < lines.length) && (
        <div className="border-t border-line p-1"><Button kind="quiet" onClick={() => setAll(true)}>{t.whole}</Button></div>
      )}
    </div>
  );
}
