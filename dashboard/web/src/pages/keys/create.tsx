import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { address, answer, api } from "../../api/client";
import { fromInput, toInput, zoneName } from "../../format/time";
import { useZone } from "../../frame/preferences";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Code } from "../../ui/copy";
import { Dialog, FormDialog } from "../../ui/dialog";
import { Checkbox, Select, TextArea, TextField } from "../../ui/field";
import { Callout } from "../../ui/states";

const t = text.keys;
const day = 86_400_000;
const spans: Record<string, number> = { d7: 7 * day, d30: 30 * day, d90: 90 * day, y1: 365 * day };
const scopes = ["dispatch", "consume", "observe", "read", "operate", "admin"];
// What these open can be bound to queues, and the first of them to types as well.
const bindable = ["dispatch", "consume"];

/** What stands on the lines of a field. */
const lines = (s: string) => s.split("\n").map((l) => l.trim()).filter(Boolean);

/** Makes a key and shows it, once. */
export function CreateKey({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const zone = useZone();
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(["dispatch"]));
  const [types, setTypes] = useState("");
  const [queues, setQueues] = useState("");
  const [expiry, setExpiry] = useState("never");
  const [at, setAt] = useState(() => toInput(new Date(Date.now() + 30 * day), zone));
  const toQueues = chosen.size > 0 && [...chosen].every((s) => bindable.includes(s));
  const toTypes = toQueues && !chosen.has("consume");
  const create = useMutation({
    mutationFn: (expiresAt: string | undefined) =>
      answer(api.POST("/api/symphony/keys", {
        body: {
          name: name.trim(), scopes: scopes.filter((s) => chosen.has(s)), ...(expiresAt && { expiresAt }),
          ...(toTypes && lines(types).length > 0 && { types: lines(types) }), ...(toQueues && lines(queues).length > 0 && { queues: lines(queues) }),
        },
      })),
    onSuccess: () => void client.invalidateQueries({ queryKey: ["keys"] }),
    // The key is in its answer: nothing keeps that any longer than this dialog.
    gcTime: 0,
  });
  const until = expiry === "at" ? fromInput(at, zone) : undefined;
  const wrongAt = expiry === "at" && (!until || Date.parse(until) <= Date.now()) ? t.creating.atBad : undefined;
  const refused = name.trim() === "" ? t.creating.nameBad : chosen.size === 0 ? t.creating.scopesBad : wrongAt;
  if (create.data) return <Made secret={create.data.secret} onClose={onClose} />;
  return (
    <FormDialog
      title={t.creating.title} onClose={onClose} submit={t.creating.submit} busy={create.isPending} error={create.error} refused={refused}
      onSubmit={() => create.mutate(expiry === "at" ? until : spans[expiry] ? new Date(Date.now() + spans[expiry]).toISOString() : undefined)}
    >
      <TextField label={t.creating.name} hint={t.creating.nameHint} value={name} maxLength={100} autoFocus required autoComplete="off" onChange={(e) => setName(e.target.value)} />
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-1 text-sm font-medium">{t.creating.scopes}</legend>
        {scopes.map((s) => (
          <Checkbox
            key={s} label={<code className="font-mono text-xs">{s}</code>} hint={t.scopes[s]} checked={chosen.has(s)}
            onChange={(e) => {
              const next = new Set(chosen);
              if (e.target.checked) next.add(s);
              else next.delete(s);
              setChosen(next);
            }}
          />
        ))}
      </fieldset>
      {chosen.has("admin") && <Callout tone="warn">{t.creating.adminWarn}</Callout>}
      {toQueues ? (
        <div className="grid gap-3 sm:grid-cols-2">
          {toTypes && <TextArea label={t.creating.types} hint={t.creating.typesHint} value={types} rows={2} spellCheck={false} className="font-mono text-xs" onChange={(e) => setTypes(e.target.value)} />}
          <TextArea label={t.creating.queues} hint={t.creating.queuesHint} value={queues} rows={2} spellCheck={false} className="font-mono text-xs" onChange={(e) => setQueues(e.target.value)} />
        </div>
      ) : chosen.size > 0 && <p className="text-xs text-muted">{t.creating.unbound}</p>}
      <div className="grid gap-3 sm:grid-cols-2">
        <Select label={t.creating.expiry} value={expiry} onChange={(e) => setExpiry(e.target.value)} options={Object.entries(t.creating.options)} />
        {expiry === "at" && <TextField label={`${t.creating.at} (${zoneName(zone)})`} type="datetime-local" value={at} error={wrongAt} onChange={(e) => setAt(e.target.value)} />}
      </div>
    </FormDialog>
  );
}

function Made({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog title={t.made.title} onClose={onClose} footer={<Button kind="primary" onClick={onClose}>{t.made.copied}</Button>}>
      <div className="flex flex-col gap-3">
        <Callout tone="warn">{t.made.once}</Callout>
        <div>
          <p className="pb-1 text-sm font-medium">{t.made.key}</p>
          <Code label={`${text.shared.copy}: ${t.made.key}`}>{secret}</Code>
        </div>
        <div>
          <p className="pb-1 text-sm font-medium">{t.made.try}</p>
          <Code>{`curl -H 'X-API-Key: YOUR_API_KEY' ${location.origin + address("/api/symphony/session")}`}</Code>
        </div>
      </div>
    </Dialog>
  );
}
