import { ChevronRight } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import type { LargeJson } from "../json/large";
import type { Entry } from "../json/outline";
import { bytes, plural } from "../format/number";
import { text } from "../text";
import { Button } from "./button";
import { copyText } from "./copy";
import { Segmented } from "./field";
import { Loading } from "./states";
import { say } from "./toast";

const members = 100;
const chunk = 100_000;

/** A large value of JSON as a tree, of which only what is open is read, or as text, of which the beginning is. */
export function JsonLarge({ value, label }: { value: LargeJson; label: string }) {
  const [raw, setRaw] = useState(false);
  const copy = async () => {
    const done = await copyText(await value.text());
    say(done ? text.shared.copied : text.shared.failed, done ? "done" : "danger");
  };
  return (
    <div className="min-w-0">
      <div className="flex flex-wrap items-center justify-between gap-2 border-b border-line p-2 pl-4 text-xs text-muted">
        <span>{text.shared.large(bytes(value.length))}</span>
        <span className="flex items-center gap-2">
          <Segmented label={label} value={raw ? "raw" : "tree"} options={[["tree", text.shared.tree], ["raw", text.shared.raw]]} onChange={(v) => setRaw(v === "raw")} />
          <Button onClick={() => void copy()}>{text.shared.copy}</Button>
        </span>
      </div>
      {raw ? <Raw value={value} label={label} /> : (
        <div role="tree" aria-label={label} tabIndex={0} className="max-h-[70vh] overflow-auto p-3 font-mono text-xs leading-5">
          <Node value={value} entry={value.entry} place={[]} first />
        </div>
      )}
    </div>
  );
}

function Raw({ value, label }: { value: LargeJson; label: string }) {
  const [chunks, setChunks] = useState<string[]>([]);
  useEffect(() => {
    let gone = false;
    void value.text(0, chunk).then((t) => gone || setChunks([t]), () => undefined);
    return () => void (gone = true);
  }, [value]);
  const whole = async () => {
    const all = await value.text();
    setChunks(Array.from({ length: Math.ceil(all.length / chunk) }, (_, i) => all.slice(i * chunk, (i + 1) * chunk)));
  };
  return (
    <>
      <div tabIndex={0} role="region" aria-label={label} className="max-h-[70vh] overflow-auto p-3 font-mono text-xs leading-5">
        {/* What is out of sight is not laid out. */}
        {chunks.map((c, i) => <pre key={i} className="whitespace-pre-wrap [content-visibility:auto] [contain-intrinsic-size:auto_4000px] foreign">{c}</pre>)}
      </div>
      {chunks.length === 1 && value.length > chunk && <div className="p-3"><Button onClick={() => void whole()}>{text.shared.showAll(bytes(value.length))}</Button></div>}
    </>
  );
}

function Node({ value, entry, place, first, last = true }: { value: LargeJson; entry: Entry; place: number[]; first?: boolean; last?: boolean }) {
  const [open, setOpen] = useState(!!first);
  const [limit, setLimit] = useState(members);
  const [list, setList] = useState<Entry[]>();
  const branch = "branch" in entry && entry.size > 0;
  const key = place.join(".");
  useEffect(() => {
    if (!open || !branch) return;
    let gone = false;
    void value.entries(key === "" ? [] : key.split(".").map(Number), 0, limit).then((l) => gone || setList(l), () => undefined);
    return () => void (gone = true);
  }, [open, branch, value, key, limit]);
  const comma = last ? "" : ",";
  const label: ReactNode = entry.name !== undefined && <><span className="text-accent foreign">{JSON.stringify(entry.name)}</span>: </>;
  if (!("branch" in entry)) {
    return <div role="treeitem" aria-selected={false} className="pl-4 whitespace-pre-wrap">{label}<Leaf value={value} entry={entry} place={place} />{comma}</div>;
  }
  const [left, right] = entry.branch === "array" ? ["[", "]"] : ["{", "}"];
  if (!branch) return <div role="treeitem" aria-selected={false} className="pl-4">{label}{left}{right}{comma}</div>;
  return (
    <div role="treeitem" aria-expanded={open} aria-selected={false}>
      <button type="button" onClick={() => setOpen(!open)} className="inline-flex items-center rounded text-left hover:bg-hover">
        <ChevronRight size={12} aria-hidden className={`mr-1 shrink-0 text-muted ${open ? "rotate-90" : ""}`} />
        <span>{label}{left}{!open && <span className="text-muted"> {plural(entry.size, "member")} {right}{comma}</span>}</span>
      </button>
      {open && (
        <>
          <div role="group" className="ml-1.5 border-l border-line pl-3">
            {list ? list.map((e, i) => <Node key={i} value={value} entry={e} place={[...place, i]} last={i === entry.size - 1} />) : <Loading lines={1} />}
            {list && entry.size > list.length && (
              <Button kind="quiet" onClick={() => setLimit(limit * 10)}>{text.shared.showMore} ({plural(entry.size - list.length, "member")})</Button>
            )}
          </div>
          <div className="pl-4">{right}{comma}</div>
        </>
      )}
    </div>
  );
}

function Leaf({ value, entry, place }: { value: LargeJson; entry: Entry & { leaf: string; cut?: number }; place: number[] }) {
  const [whole, setWhole] = useState<string>();
  const leaf = whole ?? entry.leaf;
  const ink = leaf.startsWith('"') ? "text-completed" : /^[tfn]/.test(leaf) ? "text-pending" : "text-processing";
  return (
    <span className={`${ink} foreign`}>
      {leaf}
      {entry.cut !== undefined && whole === undefined && (
        <button type="button" className="link ml-1 font-sans" onClick={() => void value.leaf(place).then(setWhole, () => undefined)}>{text.shared.showAll(bytes(entry.cut))}</button>
      )}
    </span>
  );
}
