import { Plus, X } from "lucide-react";
import { useState } from "react";
import type { Problem } from "../../api/errors";
import { isObject, LosslessNumber, parseJson, writeJson, type Json } from "../../api/json";
import { begin, put, readNumber, type FormField } from "../../schema/form";
import { text } from "../../text";
import { Button, IconButton } from "../../ui/button";
import { Select, TextArea, TextField } from "../../ui/field";

const t = text.send.form;

/** A form made of a schema. value is what stands in the payload; what is written goes into it member by member. */
export function SchemaForm({ fields, value, onChange, problems, path = "" }: {
  fields: FormField[]; value: Json | undefined; onChange: (v: { [name: string]: Json }) => void; problems: readonly Problem[]; path?: string;
}) {
  return (
    <div className="flex min-w-0 flex-col gap-3">
      {fields.map((f) => (
        <Member key={f.name} field={f} path={path === "" ? f.name : `${path}.${f.name}`} value={isObject(value) ? value[f.name] : undefined}
          onChange={(v) => onChange(put(value, f.name, v))} problems={problems} />
      ))}
    </div>
  );
}

type MemberProps = { field: FormField; path: string; value: Json | undefined; onChange: (v: Json | undefined) => void; problems: readonly Problem[] };

/** What a value is as text in a field. */
function written(v: Json | undefined): string {
  return v === undefined || v === null ? "" : typeof v === "string" ? v : v instanceof LosslessNumber ? v.value : typeof v === "object" ? writeJson(v) : String(v);
}

function Member({ field: f, path, value, onChange, problems }: MemberProps) {
  const error = problems.find((p) => p.path === path)?.message;
  const label = <>{f.title}{f.required && <span className="text-danger" aria-hidden> *</span>}{f.title !== f.name && f.name !== "" && <code className="ml-1.5 font-mono text-xs font-normal text-muted">{f.name}</code>}</>;
  const about = { label, hint: f.hint, error, required: f.required };
  switch (f.kind) {
    case "text": {
      const change = (e: { target: { value: string } }) => onChange(e.target.value === "" && !f.required ? undefined : e.target.value);
      const long = f.long || (typeof value === "string" && (value.includes("\n") || value.length > 200));
      return long ? <TextArea {...about} rows={4} value={written(value)} onChange={change} /> : <TextField {...about} type={f.input} value={written(value)} onChange={change} />;
    }
    case "number":
      return <TextField {...about} inputMode={f.whole ? "numeric" : "decimal"} className="tabular" value={written(value)} onChange={(e) => onChange(e.target.value.trim() === "" ? undefined : readNumber(e.target.value))} />;
    case "boolean":
      return <Select {...about} value={typeof value === "boolean" ? String(value) : ""} onChange={(e) => onChange(e.target.value === "" ? undefined : e.target.value === "true")}
        options={[["", t.notSet], ["true", t.yes], ["false", t.no]]} />;
    case "choice": {
      const at = f.values.findIndex((v) => writeJson(v) === writeJson(value));
      return <Select {...about} value={at < 0 ? "" : String(at)} onChange={(e) => onChange(e.target.value === "" ? undefined : f.values[Number(e.target.value)])}
        options={[["", t.notSet], ...f.values.map((v, i) => [String(i), typeof v === "string" ? v : writeJson(v)] as const)]} />;
    }
    case "object":
      return (
        <Group title={label} hint={f.hint} error={error}>
          <SchemaForm fields={f.fields} value={value} path={path} problems={problems}
            onChange={(v) => onChange(Object.keys(v).length === 0 && !f.required ? undefined : v)} />
        </Group>
      );
    case "array": {
      const list = Array.isArray(value) ? value : [];
      return (
        <Group title={label} hint={f.hint} error={error}>
          {list.map((v, i) => (
            <div key={i} className="flex items-start gap-2">
              <div className="min-w-0 flex-1">
                <Member field={{ ...f.item, title: t.item(i + 1) }} path={`${path}[${i}]`} value={v} problems={problems} onChange={(n) => onChange(list.map((o, j) => (j === i ? n ?? null : o)))} />
              </div>
              <IconButton label={t.remove(t.item(i + 1))} icon={<X size={14} aria-hidden />} onClick={() => {
                const rest = list.filter((_, j) => j !== i);
                onChange(rest.length === 0 && !f.required ? undefined : rest);
              }} />
            </div>
          ))}
          <div><Button icon={<Plus size={14} aria-hidden />} onClick={() => onChange([...list, begin(f.item)])}>{t.add(f.title)}</Button></div>
        </Group>
      );
    }
    case "raw": return <RawMember label={label} hint={f.hint} error={error} value={value} onChange={onChange} />;
  }
}

function Group({ title, hint, error, children }: { title: React.ReactNode; hint?: string; error?: string; children: React.ReactNode }) {
  return (
    <fieldset className="flex min-w-0 flex-col gap-3 border-l-2 border-line pl-3">
      <legend className="float-left mb-2 w-full text-sm font-medium">{title}</legend>
      {hint && <p className="text-xs text-muted">{hint}</p>}
      {children}
      {error && <p className="text-xs text-danger">{error}</p>}
    </fieldset>
  );
}

/** A member that a form cannot show is written as JSON; what is no JSON yet is kept here until it is. */
function RawMember({ label, hint, error, value, onChange }: { label: React.ReactNode; hint?: string; error?: string; value: Json | undefined; onChange: (v: Json | undefined) => void }) {
  const now = value === undefined ? "" : writeJson(value, 2);
  const [draft, setDraft] = useState<{ text: string; of: string; bad?: boolean }>();
  const mine = draft?.of === now ? draft : undefined;
  const change = (typed: string) => {
    if (typed.trim() === "") {
      setDraft({ text: typed, of: "" });
      onChange(undefined);
      return;
    }
    try {
      const v = parseJson(typed);
      setDraft({ text: typed, of: writeJson(v, 2) });
      onChange(v);
    } catch {
      setDraft({ text: typed, of: now, bad: true });
    }
  };
  return <TextArea label={label} hint={hint ?? t.asJson} error={mine?.bad ? t.notJson : error} rows={3} className="font-mono text-xs" spellCheck={false} value={mine?.text ?? now} onChange={(e) => change(e.target.value)} />;
}
