import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Shape } from "../../api/client";
import { isObject, writeJson, type Json } from "../../api/json";
import { text } from "../../text";

const t = text.audit.words;

export type Entry = Shape<"AuditEntry">;

/** A thing that an entry names: its kind in a word, and what it is called. */
export type Thing = { word: string; name: string; link?: (name: ReactNode) => ReactNode };

const str = (v: unknown) => (typeof v === "string" && v !== "" ? v : undefined);

/** What an entry was done to, as far as it is known here; the rest of its target is shown as it is. */
export function targets(e: Entry): Thing[] {
  const target = e.target ?? {};
  const id = str(target.id);
  const transport = str(target.transport);
  const out: Thing[] = [];
  const [subject = "", verb = ""] = e.action.split(".");
  if (id !== undefined) out.push(thingOf(subject, verb, id, transport));
  const queue = str(target.queue);
  if (queue !== undefined) out.push({ word: t.queue, name: queue, link: (n) => <Link to="/queue" search={{ transport, queue }} className="link">{n}</Link> });
  const type = str(target.type);
  if (type !== undefined) out.push({ word: t.type, name: type, link: (n) => <Link to="/type" search={{ type }} className="link">{n}</Link> });
  if (Array.isArray(target.ids)) out.push({ word: "", name: t.ids(typeof target.idsCount === "number" ? target.idsCount : target.ids.length) });
  if (isObject(target.filter)) out.push({ word: t.filter, name: Object.keys(target.filter).length === 0 ? t.all : Object.entries(target.filter).map(([k, v]) => `${k}:${typeof v === "object" ? writeJson(v as Json) : String(v)}`).join(" ") });
  const name = str(target.name);
  if (name !== undefined) out.push({ word: "", name });
  if (out.length === 0 && transport !== undefined) out.push({ word: t.transport, name: transport });
  return out;
}

function thingOf(subject: string, verb: string, id: string, transport?: string): Thing {
  switch (subject) {
    case "message": return { word: t.message, name: id, link: (n) => <Link to="/messages/$id" params={{ id }} search={{ transport }} className="link">{n}</Link> };
    case "failed":
      if (verb.endsWith("_group")) return { word: t.group, name: id, link: (n) => <Link to="/failed/group" search={{ transport, group: id }} className="link">{n}</Link> };
      return { word: t.message, name: id };
    case "schedule": return { word: t.schedule, name: id, link: (n) => <Link to="/schedules/$id" params={{ id }} className="link">{n}</Link> };
    case "operation": return { word: t.operation, name: id, link: (n) => <Link to="/operations/$id" params={{ id }} className="link">{n}</Link> };
    case "key": return { word: t.key, name: id, link: (n) => <Link to="/keys" search={{ show: "all", q: id }} className="link">{n}</Link> };
    case "node": return { word: t.node, name: id, link: (n) => <Link to="/workers" className="link">{n}</Link> };
    default: return { word: "", name: id };
  }
}

/** What came of an entry: what it has made, and how many. */
export function results(e: Entry): Thing[] {
  const result = e.result ?? {};
  const out: Thing[] = [];
  const fresh = str(result.newMessageId);
  if (fresh !== undefined) {
    const transport = str(e.target?.transport);
    out.push({ word: t.newMessage, name: fresh, link: (n) => <Link to="/messages/$id" params={{ id: fresh }} search={{ transport }} className="link">{n}</Link> });
  }
  for (const [member, subject] of [["operation", "operation"], ["schedule", "schedule"], ["key", "key"]] as const) {
    const made = result[member];
    const id = isObject(made) ? str(made.id) : undefined;
    if (id !== undefined) out.push(thingOf(subject, "", id));
  }
  for (const [member, v] of Object.entries(result)) {
    if (typeof v === "number" || typeof v === "boolean") out.push({ word: member, name: String(v) });
  }
  return out;
}

/** Things on one line; inRow at the right of a card on phones, as the other cells are. */
export function Things({ list, inRow }: { list: Thing[]; inRow?: boolean }) {
  return (
    <span className={`flex min-w-0 flex-wrap items-baseline gap-x-2 ${inRow ? "max-sm:justify-end" : ""}`}>
      {list.map((x, i) => (
        <span key={i} className="min-w-0 truncate" title={x.name.slice(0, 500)}>
          {x.word && <span className="text-xs text-muted">{x.word} </span>}
          <span className="foreign">{x.link ? x.link(x.name) : x.name.slice(0, 300)}</span>
        </span>
      ))}
    </span>
  );
}
