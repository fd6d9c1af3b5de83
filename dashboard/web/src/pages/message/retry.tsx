import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { answer, api } from "../../api/client";
import { ApiError } from "../../api/errors";
import type { Json } from "../../api/json";
import { LargeJson } from "../../json/large";
import { schemaFor } from "../../schema/check";
import { usePermissions } from "../../api/session";
import { typesQuery } from "../../schema/types";
import { text } from "../../text";
import { FormDialog } from "../../ui/dialog";
import { Checkbox } from "../../ui/field";
import { JsonDiff } from "../../ui/json-diff";
import { JsonField } from "../../ui/json-field";
import { Loading } from "../../ui/states";
import { say } from "../../ui/toast";
import { useDo } from "./actions";
import { ofPayload, PayloadState, useChecked } from "./json-problems";
import type { Whole } from "./load";
import { usePartText } from "./payload-text";

const t = text.message;

/** A failed message is dispatched again, as it was or with a corrected payload. */
export function Retry({ m, correct, onClose }: { m: Whole; correct: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const first = usePartText(m.message.payload);
  const [edited, setEdited] = useState<string>();
  const { busy, error, run } = useDo(onClose);
  const written = edited ?? first ?? "";
  const corrected = correct && edited !== undefined && edited !== first;
  const fields = usePayloadFields(m.message.type, written, error);
  const send = () => run(async () => {
    const done = await answer(api.POST("/api/symphony/failed/{id}/retry", {
      params: { path: { id: m.failedId ?? m.id }, query: { transport: m.transport } },
      // As it was written: it keeps its digits, and is not parsed once more.
      body: (corrected ? `{"payload":${written}}` : "{}") as never,
    }));
    say(t.actions.retried);
    await navigate({ to: "/messages/$id", params: { id: done.newMessageId }, search: { transport: m.transport } });
  });
  return (
    <FormDialog
      title={correct ? t.retry.title : t.retry.plainTitle} wide={correct} submit={corrected ? t.retry.submitCorrected : t.retry.submit} onClose={onClose}
      onSubmit={() => void send()} busy={busy} error={error} refused={corrected ? fields.refused : undefined}
    >
      <p>{t.retry.lead}</p>
      {m.error && (
        <div>
          <p className="text-xs text-muted">{t.retry.error}</p>
          <pre tabIndex={0} className="max-h-32 overflow-auto rounded-md border border-line bg-sunken p-2 font-mono text-xs whitespace-pre-wrap foreign">{m.error}</pre>
        </div>
      )}
      {m.masked && <p className="text-muted">{t.retry.masked}</p>}
      {correct && (first === undefined ? <Loading /> : (
        <>
          <PayloadEditor label={t.retry.payload} value={written} onChange={setEdited} fields={fields} />
          <div className="flex flex-col gap-1">
            <p className="text-sm font-medium">{t.retry.diff}</p>
            {corrected && fields.checked.value && !(m.message.payload instanceof LargeJson)
              ? <div className="card"><JsonDiff before={m.message.payload as Json} after={fields.checked.value} label={t.retry.diff} /></div>
              : <p className="text-xs text-muted">{corrected ? t.parts.tooLarge : t.retry.noDiff}</p>}
          </div>
        </>
      ))}
    </FormDialog>
  );
}

/** A completed message is dispatched once more, with another payload if that is wanted. */
export function Replay({ m, onClose }: { m: Whole; onClose: () => void }) {
  const navigate = useNavigate();
  const first = usePartText(m.message.payload);
  const [other, setOther] = useState(false);
  const [edited, setEdited] = useState<string>();
  const { busy, error, run } = useDo(onClose);
  const written = edited ?? first ?? "";
  const changed = other && edited !== undefined && edited !== first;
  const fields = usePayloadFields(m.message.type, written, error);
  const send = () => run(async () => {
    const done = await answer(api.POST("/api/symphony/messages/{id}/replay", {
      params: { path: { id: m.id }, query: { transport: m.transport } }, body: (changed ? `{"payload":${written}}` : "{}") as never,
    }));
    say(t.actions.replayed);
    await navigate({ to: "/messages/$id", params: { id: done.newMessageId }, search: { transport: m.transport } });
  });
  return (
    <FormDialog title={t.replay.title} wide={other} submit={t.replay.submit} onClose={onClose} onSubmit={() => void send()} busy={busy} error={error} refused={changed ? fields.refused : undefined}>
      <p>{t.replay.lead}</p>
      {!m.masked && first !== undefined && <Checkbox label={t.replay.correct} checked={other} onChange={(e) => setOther(e.target.checked)} />}
      {other && <PayloadEditor label={t.replay.payload} value={written} onChange={setEdited} fields={fields} />}
    </FormDialog>
  );
}

/** What is known of a payload while it is written: problems of the schema, and those that the server told. */
export function usePayloadFields(type: string, written: string, error: unknown) {
  const types = useQuery({ ...typesQuery, enabled: usePermissions().can("observe") });
  const schema = schemaFor(types.data, type);
  const checked = useChecked(written, schema);
  const told = useMemo(() => (error instanceof ApiError ? ofPayload(error.problems) : []), [error]);
  const problems = useMemo(() => [...checked.problems, ...told.filter((p) => !checked.problems.some((c) => c.path === p.path))], [checked, told]);
  // Whether it fits the schema is for the server to say; what is no object cannot even be sent.
  const refused = !checked.large && checked.value === undefined ? checked.problems[0]?.message : undefined;
  return { schema, checked, problems, refused };
}

/** An editor of a payload that marks and lists its problems. */
export function PayloadEditor({ label, value, onChange, fields }: { label: string; value: string; onChange: (v: string) => void; fields: ReturnType<typeof usePayloadFields> }) {
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <JsonField label={label} value={value} onChange={onChange} problems={fields.problems} />
      <PayloadState checked={fields.checked} schema={fields.schema !== undefined} />
    </div>
  );
}
