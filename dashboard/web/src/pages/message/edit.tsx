import { useState } from "react";
import { answer, api } from "../../api/client";
import { writeJson, type Json } from "../../api/json";
import { useZone } from "../../frame/preferences";
import { fromInput, toInput } from "../../format/time";
import { LargeJson } from "../../json/large";
import { text } from "../../text";
import { FormDialog } from "../../ui/dialog";
import { Select, TextField } from "../../ui/field";
import { Loading } from "../../ui/states";
import { say } from "../../ui/toast";
import { useDo } from "./actions";
import type { Whole } from "./load";
import { usePartText } from "./payload-text";
import { PayloadEditor, usePayloadFields } from "./retry";
import { JsonField } from "../../ui/json-field";
import { useChecked } from "./json-problems";

const t = text.message.edit;

/** Changes a message that waits: only what was changed is sent. */
export function Edit({ m, onClose }: { m: Whole; onClose: () => void }) {
  const zone = useZone();
  const first = usePartText(m.message.payload);
  const firstMetadata = usePartText(m.message.metadata);
  const [payload, setPayload] = useState<string>();
  const [metadata, setMetadata] = useState<string>();
  const input = (at: string | undefined) => (at ? toInput(at, zone) : "");
  const [was] = useState(() => ({
    priority: String(m.priority), scheduledAt: input(m.scheduledAt), expiresAt: input(m.expiresAt), tags: (m.tags ?? []).join(", "),
    maxRetries: m.maxRetries === undefined ? "" : String(m.maxRetries),
  }));
  const [now, setNow] = useState(was);
  const set = (name: keyof typeof was) => (e: { target: { value: string } }) => setNow({ ...now, [name]: e.target.value });
  const { busy, error, run } = useDo(onClose);
  const written = payload ?? first ?? "";
  const fields = usePayloadFields(m.message.type, written, error);
  const writtenMetadata = metadata ?? firstMetadata ?? "{}";
  const checkedMetadata = useChecked(writtenMetadata, undefined);

  const parts: string[] = [];
  const put = (name: string, value: Json) => parts.push(`${writeJson(name)}:${writeJson(value)}`);
  const payloadChanged = payload !== undefined && payload !== first;
  const metadataChanged = metadata !== undefined && metadata !== firstMetadata;
  if (payloadChanged) parts.push(`"payload":${written}`);
  if (metadataChanged) parts.push(`"metadata":${writtenMetadata}`);
  if (now.priority !== was.priority) put("priority", Number(now.priority));
  for (const name of ["scheduledAt", "expiresAt"] as const) if (now[name] !== was[name]) put(name, now[name] === "" ? null : fromInput(now[name], zone) ?? now[name]);
  if (now.tags !== was.tags) put("tags", now.tags.trim() === "" ? null : now.tags.split(",").map((g) => g.trim()).filter((g) => g !== ""));
  if (now.maxRetries !== was.maxRetries) put("maxRetries", now.maxRetries.trim() === "" ? null : Number(now.maxRetries));

  const refused = parts.length === 0 ? t.none : payloadChanged && fields.refused !== undefined ? fields.refused
    : metadataChanged && !checkedMetadata.large && checkedMetadata.value === undefined ? `${t.metadata}: ${checkedMetadata.problems[0]?.message}` : undefined;
  const send = () => run(async () => {
    await answer(api.PATCH("/api/symphony/messages/{id}", { params: { path: { id: m.id }, query: { transport: m.transport } }, body: `{${parts.join(",")}}` as never }));
    say(text.message.actions.edited);
  });
  return (
    <FormDialog title={t.title} wide submit={t.submit} onClose={onClose} onSubmit={() => void send()} busy={busy} error={error} refused={refused}>
      <p className="text-muted">{t.lead}</p>
      {m.masked ? <p className="text-muted">{t.masked}</p> : first === undefined ? <Loading /> : (
        <PayloadEditor label={t.payload} value={written} onChange={setPayload} fields={fields} />
      )}
      <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
        <Select label={t.priority} value={now.priority} onChange={set("priority")} options={Array.from({ length: 10 }, (_, i) => [String(10 - i), String(10 - i)] as const)} />
        <TextField label={t.maxRetries} hint={t.retriesHint} type="number" min={0} max={100} value={now.maxRetries} onChange={set("maxRetries")} />
        <TextField label={t.scheduledAt} type="datetime-local" value={now.scheduledAt} onChange={set("scheduledAt")} />
        <TextField label={t.expiresAt} type="datetime-local" value={now.expiresAt} onChange={set("expiresAt")} />
        <TextField label={t.tags} hint={t.tagsHint} value={now.tags} onChange={set("tags")} />
      </div>
      {!m.masked && !(m.message.metadata instanceof LargeJson) && firstMetadata !== undefined && (
        <details open={metadata !== undefined}>
          <summary className="cursor-pointer text-sm font-medium">{t.metadata}</summary>
          <JsonField label={t.metadata} value={writtenMetadata} onChange={setMetadata} error={metadataChanged ? checkedMetadata.problems[0]?.message : undefined} />
        </details>
      )}
    </FormDialog>
  );
}
