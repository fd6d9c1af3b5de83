import { ChevronRight } from "lucide-react";
import { useMemo, useState, type ReactNode } from "react";
import { isObject, LosslessNumber, writeJson, type Json } from "../api/json";
import { bytes, plural } from "../format/number";
import { text } from "../text";
import { Button } from "./button";
import { CopyButton } from "./copy";
import { Segmented } from "./field";

// What is shown of a level, and of a text, before somebody asks for more.
const members = 100;
const characters = 2000;
// Of the name of a member; the whole is in the text.
const nameCharacters = 200;

/** A value of JSON as a tree that folds, or as text; its copy is the whole, with every digit. */
export function JsonView({ value, label, open = 2 }: { value: Json; label: string; open?: number }) {
  const [raw, setRaw] = useState(false);
  return (
    <div className="relative min-w-0">
      <div className="absolute top-1 right-1 z-10 flex items-center gap-1">
        <Segmented label={label} value={raw ? "raw" : "tree"} options={[["tree", text.shared.tree], ["raw", text.shared.raw]]} onChange={(v) => setRaw(v === "raw")} />
        <CopyButton value={() => writeJson(value, 2)} label={`${text.shared.copy}: ${label}`} />
      </div>
      {raw ? <Raw value={value} label={label} /> : (
        <div role="tree" aria-label={label} tabIndex={0} className="overflow-x-auto p-3 pt-10 font-mono text-xs leading-5 sm:pt-3 sm:pr-44">
          <Node value={value} depth={0} open={open} />
        </div>
      )}
    </div>
  );
}

function Raw({ value, label }: { value: Json; label: string }) {
  const whole = useMemo(() => writeJson(value, 2), [value]);
  const [all, setAll] = useState(false);
  const cut = !all && whole.length > 100_000;
  return (
    <>
      <pre tabIndex={0} aria-label={label} className="max-h-[70vh] overflow-auto p-3 pt-10 font-mono text-xs leading-5 sm:pt-3 sm:pr-44">
        {cut ? whole.slice(0, 100_000) : whole}
      </pre>
      {cut && <div className="p-3"><Button onClick={() => setAll(true)}>{text.shared.showAll(bytes(whole.length))}</Button></div>}
    </>
  );
}

function Node({ name, value, depth, open, last = true }: { name?: ReactNode; value: Json; depth: number; open: number; last?: boolean }) {
  const list = Array.isArray(value);
  const branch = list || isObject(value);
  const size = list ? value.length : branch ? Object.keys(value).length : 0;
  const [shown, setShown] = useState(depth < open && size <= 200);
  const [limit, setLimit] = useState(members);
  const comma = last ? "" : ",";
  const label = name !== undefined && <><span className="text-accent foreign">{name}</span>: </>;
  if (!branch || size === 0) {
    return <div role="treeitem" aria-selected={false} className="pl-4 whitespace-pre-wrap">{label}{branch ? (list ? "[]" : "{}") : <Leaf value={value} />}{comma}</div>;
  }
  const [left, right] = list ? ["[", "]"] : ["{", "}"];
  const entries: [ReactNode | undefined, Json][] = !shown ? [] : list
    ? value.slice(0, limit).map((v) => [undefined, v])
    : Object.entries(value as { [n: string]: Json }).slice(0, limit).map(([k, v]) => [JSON.stringify(k.length > nameCharacters ? k.slice(0, nameCharacters) + "…" : k), v]);
  return (
    <div role="treeitem" aria-expanded={shown} aria-selected={false}>
      <button type="button" onClick={() => setShown(!shown)} className="inline-flex items-center rounded text-left hover:bg-hover">
        <ChevronRight size={12} aria-hidden className={`mr-1 shrink-0 text-muted ${shown ? "rotate-90" : ""}`} />
        <span>{label}{left}{!shown && <span className="text-muted"> {plural(size, "member")} {right}{comma}</span>}</span>
      </button>
      {shown && (
        <>
          <div role="group" className="ml-1.5 border-l border-line pl-3">
            {entries.map(([k, v], i) => <Node key={i} name={k} value={v} depth={depth + 1} open={open} last={i === size - 1} />)}
            {size > limit && <Button kind="quiet" onClick={() => setLimit(limit * 10)}>{text.shared.showMore} ({plural(size - limit, "member")})</Button>}
          </div>
          <div className="pl-4">{right}{comma}</div>
        </>
      )}
    </div>
  );
}

function Leaf({ value }: { value: Exclude<Json, Json[] | { [n: string]: Json }> }) {
  const [all, setAll] = useState(false);
  if (typeof value === "string") {
    const cut = !all && value.length > characters;
    return (
      <span className="text-completed foreign">
        {JSON.stringify(cut ? value.slice(0, characters) : value)}
        {cut && <button type="button" className="link ml-1 font-sans" onClick={() => setAll(true)}>{text.shared.showAll(bytes(value.length))}</button>}
      </span>
    );
  }
  if (value === null || typeof value === "boolean") return <span className="text-pending">{String(value)}</span>;
  return <span className="text-processing">{value instanceof LosslessNumber ? value.value : String(value)}</span>;
}
