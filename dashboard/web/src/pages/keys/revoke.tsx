import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { text } from "../../text";
import { FormDialog } from "../../ui/dialog";
import { TextField } from "../../ui/field";
import { Callout } from "../../ui/states";
import { Time } from "../../ui/time";
import { say } from "../../ui/toast";

const t = text.keys.revoking;

/** Revokes a key, once its name has been typed. */
export function RevokeKey({ id, name, lastUsedAt, own, onClose }: { id: string; name: string; lastUsedAt?: string; own: boolean; onClose: () => void }) {
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  // A name that cannot be typed, such as one of other scripts' invisible characters, can be confirmed by the key's id.
  const right = typed.trim() === name.trim() || typed.trim() === id;
  const revoke = useMutation({
    mutationFn: () => answer(api.DELETE("/api/symphony/keys/{id}", { params: { path: { id } } })),
    onSuccess: () => {
      say(t.done);
      onClose();
      // Whoever has revoked his own key is found out by whatever is asked next.
      void client.invalidateQueries();
    },
  });
  return (
    <FormDialog title={t.title(name)} onClose={onClose} kind="danger" submit={t.submit} busy={revoke.isPending} error={revoke.error}
      refused={right ? undefined : t.confirm(name)} onSubmit={() => revoke.mutate()}>
      <p>{t.happens}</p>
      <p className="text-sm">{lastUsedAt ? <>{t.used} <Time at={lastUsedAt} className="font-semibold" />.</> : t.neverUsed}</p>
      {own && <Callout tone="danger">{t.own}</Callout>}
      <TextField label={t.confirm(name)} hint={<code className="font-mono">{id}</code>} value={typed} autoComplete="off" autoFocus spellCheck={false} onChange={(e) => setTyped(e.target.value)} />
    </FormDialog>
  );
}
