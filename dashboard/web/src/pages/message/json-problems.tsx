import { CircleCheck, CircleX } from "lucide-react";
import { useMemo } from "react";
import type { Problem } from "../../api/errors";
import { isObject, parseJson, type Json } from "../../api/json";
import { mostChecked, schemaProblems } from "../../schema/check";
import { text } from "../../text";

const t = text.message.json;

/** What is known of a payload while it is written. value is undefined where it is no object, or too large to be read here. */
export type Checked = { value?: { [name: string]: Json }; problems: Problem[]; large: boolean };

/** Reads and checks a payload by the schema of its type. */
export function checkPayload(written: string, schema: Json | undefined): Checked {
  if (written.length > mostChecked) return { problems: [], large: true };
  try {
    const value = parseJson(written);
    if (!isObject(value)) return { problems: [{ path: "", message: t.object }], large: false };
    return { value, problems: schema === undefined ? [] : schemaProblems(schema, value), large: false };
  } catch (e) {
    return { problems: [{ path: "", message: t.invalid(e instanceof Error ? e.message : String(e)) }], large: false };
  }
}

export function useChecked(written: string, schema: Json | undefined): Checked {
  return useMemo(() => checkPayload(written, schema), [written, schema]);
}

/** The problems of the server that are of the payload, with paths within it. */
export function ofPayload(problems: readonly Problem[]): Problem[] {
  return problems.filter((p) => /^(message\.)?payload(?=$|[.[])/.test(p.path))
    .map((p) => ({ ...p, path: p.path.replace(/^(message\.)?payload\.?/, "") }));
}

/** Says whether a payload fits, or where it does not. */
export function PayloadState({ checked, schema }: { checked: Checked; schema: boolean }) {
  if (checked.problems.length > 0) {
    return (
      <div role="status" className="flex gap-1.5 text-xs text-danger">
        <CircleX size={14} aria-hidden className="mt-0.5 shrink-0" />
        <ul className="min-w-0">
          {checked.problems.slice(0, 20).map((p, i) => (
            <li key={i} className="foreign">{p.path && <code className="font-mono font-semibold">{p.path}</code>} {p.message}</li>
          ))}
          {checked.problems.length > 20 && <li>{t.problems(checked.problems.length)} …</li>}
        </ul>
      </div>
    );
  }
  return (
    <p role="status" className="flex items-center gap-1.5 text-xs text-muted">
      {checked.large ? t.large : schema ? <><CircleCheck size={14} aria-hidden className="text-completed" />{t.fits}</> : t.noSchema}
    </p>
  );
}
