import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { text } from "../../text";
import { boundsOf, kindOf, refName, resolve, type Document, type Schema } from "./document";

const t = text.apiPage;

/** The members of a value, opened one level at a time: shapes may hold themselves. */
export function Shape({ doc, schema, depth = 0 }: { doc: Document; schema: Schema; depth?: number }) {
  const s = inner(doc, schema);
  const members = Object.entries(s.properties ?? {});
  if (members.length === 0) return <p className="px-3 py-2 text-xs text-muted">{s.additionalProperties ? t.any : kindOf(schema)}</p>;
  return (
    <ul className={depth > 0 ? "ml-4 border-l border-line" : ""}>
      {members.map(([name, m]) => <Member key={name} doc={doc} name={name} schema={m} required={!!s.required?.includes(name)} depth={depth} />)}
    </ul>
  );
}

function Member({ doc, name, schema, required, depth }: { doc: Document; name: string; schema: Schema; required: boolean; depth: number }) {
  const [open, setOpen] = useState(false);
  const s = inner(doc, schema);
  const whole = resolve(doc, schema);
  const deeper = Object.keys(s.properties ?? {}).length > 0;
  const head = (
    <span className="flex min-w-0 flex-wrap items-baseline gap-x-2">
      <code className="font-mono text-xs font-semibold foreign">{name}</code>
      <span className="text-xs text-muted foreign">{kindOf(schema)}</span>
      {required && <span className="text-xs text-warn">{t.required}</span>}
    </span>
  );
  return (
    <li className="border-b border-line px-3 py-1.5 last:border-0">
      {deeper ? (
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="-ml-1 flex min-h-6 items-center gap-1 rounded text-left hover:bg-hover">
          <ChevronRight size={12} aria-hidden className={`shrink-0 text-muted ${open ? "rotate-90" : ""}`} />{head}
        </button>
      ) : head}
      {whole.description && <p className="text-xs foreign">{whole.description}</p>}
      {boundsOf(whole).map((b) => <p key={b} className="text-xs text-muted foreign">{b}</p>)}
      {open && <Shape doc={doc} schema={s} depth={depth + 1} />}
    </li>
  );
}

/** What has the members: of a list its entries, of a choice the one that has a name. */
function inner(doc: Document, schema: Schema): Schema {
  const s = resolve(doc, schema);
  if (s.items) return inner(doc, s.items);
  const choice = (s.oneOf ?? s.anyOf)?.find((o) => refName(o) || o.properties);
  if (choice) return inner(doc, choice);
  if (s.allOf) return { properties: Object.assign({}, ...s.allOf.map((a) => inner(doc, a).properties)) as Record<string, Schema> };
  return s;
}
