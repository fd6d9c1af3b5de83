import { useMutation } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useMemo, useState } from "react";
import { isObject, parseJson, writeJson, type Json } from "../../api/json";
import { derivePatch } from "../../format/merge-patch";
import { text } from "../../text";
import { Button, IconButton } from "../../ui/button";
import { Segmented, Select } from "../../ui/field";
import { JsonDiff } from "../../ui/json-diff";
import { JsonField } from "../../ui/json-field";
import { Callout, ErrorNote, Loading } from "../../ui/states";
import { previewRetry, useGroupOperation, type Group, type Letter } from "./calls";
import { RateField, wrongRate } from "./dialogs";
import { hidden } from "./samples";
import { gist } from "./state";

const t = text.failed.correct;
type Patch = { [name: string]: Json };

/** Corrects the payloads of a group: one is edited, or a patch is written, what it does is looked at, and it is done to all. */
export function Correct({ group, letters, loading, onClose }: { group: Group; letters: Letter[]; loading: boolean; onClose: () => void }) {
  const editable = letters.filter((l) => !l.unreadable && !l.omitted && !hidden(l.message.payload) && isObject(l.message.payload));
  const [mode, setMode] = useState<"edit" | "patch">("edit");
  const [chosen, setChosen] = useState<string>();
  const letter = editable.find((l) => l.id === chosen) ?? editable[0];
  const [edited, setEdited] = useState<{ id: string; text: string }>();
  const [written, setWritten] = useState("{\n  \n}");
  const [rate, setRate] = useState("");

  const original = useMemo(() => (letter ? writeJson(letter.message.payload, 2) : ""), [letter]);
  const payloadText = letter && edited?.id === letter.id ? edited.text : original;
  const made = useMemo(() => (mode === "patch" ? fromPatch(written) : letter ? fromEdit(letter.message.payload as Json, payloadText) : {}), [mode, written, letter, payloadText]);
  const patchText = made.patch ? writeJson(made.patch, 2) : "";

  const preview = useMutation({ mutationFn: (p: Patch) => previewRetry(group, p) });
  const begin = useGroupOperation(group, "retry", t.done);
  const looked = preview.data && preview.variables ? { ...preview.data, patchText: writeJson(preview.variables, 2) } : undefined;
  const fresh = looked !== undefined && looked.patchText === patchText;
  const refusedPreview = made.problem ?? (made.patch === undefined ? t.first : undefined);
  const refused = refusedPreview ?? wrongRate(rate) ?? (!fresh ? t.previewFirst : looked.count === 0 ? text.failed.retry.none : undefined);

  return (
    <section aria-labelledby="correct" className="card flex min-w-0 flex-col gap-4 border-accent! p-4">
      <div className="flex items-start justify-between gap-2">
        <div>
          <h2 id="correct" className="text-base font-semibold">{t.title}</h2>
          <p className="text-sm text-muted">{t.lead}</p>
        </div>
        <IconButton label={text.shared.close} icon={<X size={16} aria-hidden />} onClick={onClose} />
      </div>
      <div className="flex flex-wrap items-end gap-3">
        <Segmented label={t.mode} value={mode} options={[["edit", t.edit], ["patch", t.patch]]} onChange={setMode} />
        {mode === "edit" && editable.length > 1 && letter && (
          <div className="w-full max-w-xl min-w-0 sm:flex-1">
            <Select label={t.example} value={letter.id} onChange={(e) => setChosen(e.target.value)}
              options={editable.slice(0, 20).map((l) => [l.id, `${l.messageId} · ${gist(l.error).slice(0, 100) || l.errorClass}`] as const)} />
          </div>
        )}
      </div>
      {mode === "patch" ? (
        <JsonField label={t.patchLabel} hint={t.patchHint} error={made.problem} value={written} onChange={setWritten} />
      ) : loading ? <Loading /> : !letter ? <Callout>{t.noExample}</Callout> : (
        <div className="grid min-w-0 gap-3 lg:grid-cols-2">
          <JsonField label={t.editLabel} hint={t.editHint} error={made.problem} value={payloadText} onChange={(v) => setEdited({ id: letter.id, text: v })} />
          <div className="flex min-w-0 flex-col gap-1">
            <span className="text-sm font-medium">{t.derived}</span>
            <pre tabIndex={0} aria-label={t.derived} className="max-h-72 min-h-16 overflow-auto rounded-md border border-line bg-sunken p-3 font-mono text-xs leading-5 whitespace-pre-wrap foreign">
              {patchText || <span className="text-muted">{t.nothing}</span>}
            </pre>
          </div>
        </div>
      )}
      <div className="flex flex-wrap items-center gap-3">
        <Button kind={fresh ? "plain" : "primary"} busy={preview.isPending} refused={refusedPreview} onClick={() => made.patch && preview.mutate(made.patch)}>{t.preview}</Button>
        {looked && !fresh && !preview.isPending && <span className="text-sm text-muted">{t.stale}</span>}
      </div>
      {preview.error && <ErrorNote error={preview.error} />}
      {looked && fresh && (
        <div className="flex min-w-0 flex-col gap-3" role="status">
          <p className="font-semibold">{t.previewed(looked.count)}</p>
          {looked.examples.length > 0 && looked.examples.every((x) => x.problems.length > 0) ? <Callout tone="danger">{t.allBad}</Callout>
            : looked.examples.some((x) => x.problems.length > 0) && <Callout tone="warn">{t.someBad}</Callout>}
          {looked.examples.map((x) => (
            <div key={x.id} className="min-w-0 rounded-md border border-line">
              {hidden(x.before) ? <p className="p-3 text-sm text-muted">{text.shared.maskedWhy}</p>
                : x.after === undefined ? null : <JsonDiff before={x.before as Json} after={x.after as Json} label={`${t.before}, ${t.after}`} />}
              {x.problems.length > 0 && (
                <div className="border-t border-line bg-danger-soft p-3 text-sm">
                  <p className="font-semibold">{t.problems}</p>
                  <ul className="list-disc pl-4">{x.problems.map((p, i) => <li key={i} className="foreign"><code className="font-mono text-xs">{p.path}</code> {p.message}</li>)}</ul>
                </div>
              )}
            </div>
          ))}
          <RateField value={rate} onChange={setRate} />
          {begin.error && <ErrorNote error={begin.error} />}
          <div className="flex flex-wrap items-center gap-3">
            <Button kind="primary" busy={begin.isPending} refused={refused} onClick={() => made.patch && begin.mutate({ patch: made.patch, ...(rate && { rate: Number(rate) }) })}>
              {t.submit(looked.count)}
            </Button>
            <span className="text-xs text-muted">{t.cannot}</span>
          </div>
        </div>
      )}
    </section>
  );
}

type Made = { patch?: Patch; problem?: string };

function read(typed: string): Json | undefined {
  try {
    return parseJson(typed);
  } catch {
    return undefined;
  }
}

function fromPatch(typed: string): Made {
  const v = read(typed);
  if (v === undefined) return { problem: t.bad };
  if (!isObject(v)) return { problem: t.notObject };
  return checked(v);
}

function fromEdit(before: Json, typed: string): Made {
  const after = read(typed);
  if (after === undefined) return { problem: t.bad };
  if (!isObject(after)) return { problem: t.notObject };
  const { patch, nulls } = derivePatch(before, after);
  if (nulls.length > 0) return { problem: t.nulls(nulls.slice(0, 5).join(", ")) };
  return isObject(patch) ? checked(patch) : {};
}

function checked(patch: Patch): Made {
  if (Object.keys(patch).length === 0) return {};
  // Text that stands for what is hidden must not become a payload.
  if (writeJson(patch).includes('"[redacted]"')) return { problem: t.redacted };
  return { patch };
}
