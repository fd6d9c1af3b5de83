import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { text } from "../../text";
import { FormDialog } from "../../ui/dialog";
import { TextField } from "../../ui/field";
import { Callout } from "../../ui/states";
import { say } from "../../ui/toast";
import { useSteered } from "./holds";

const t = text.steering.purge;

/** Deletes what waits in a queue, once its name has been typed. */
export function PurgeDialog({ transport, queue, waiting, onClose }: { transport: string; queue: string; waiting: number; onClose: () => void }) {
  const steered = useSteered();
  const [typed, setTyped] = useState("");
  const ask = text.shared.typeToConfirm(queue);
  const purge = useMutation({
    mutationFn: () => answer(api.POST("/api/symphony/purge", { body: { transport, queue, confirm: typed } })),
    onSuccess: (done) => {
      steered();
      say(t.done(done.count));
      onClose();
    },
  });
  return (
    <FormDialog title={t.title(queue)} onClose={onClose} kind="danger" submit={t.submit} busy={purge.isPending} error={purge.error} refused={typed === queue ? undefined : ask} onSubmit={() => purge.mutate()}>
      <p>{t.what(waiting)}</p>
      <p>{t.left}</p>
      <Callout tone="danger">{t.undo}</Callout>
      <TextField label={t.confirm} hint={ask} autoFocus autoComplete="off" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />
    </FormDialog>
  );
}
