import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Ban, Copy, FastForward, Pencil, RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { FormDialog } from "../../ui/dialog";
import { TextArea } from "../../ui/field";
import { Callout } from "../../ui/states";
import { say } from "../../ui/toast";
import { Edit } from "./edit";
import type { Whole } from "./load";
import { Replay, Retry } from "./retry";

const t = text.message.actions;

type Open = "edit" | "cancel" | "remove" | "replay" | "retry" | "correct";

/** Asks again for all that a change of a message may have changed. */
export function useChanged() {
  const client = useQueryClient();
  return () => {
    for (const key of ["messages", "failed", "counts", "queues", "status", "audit"]) void client.invalidateQueries({ queryKey: [key] });
  };
}

/** What can be done with a message in the state that it is in, as far as the caller may. */
export function Actions({ m }: { m: Whole }) {
  const { may } = usePermissions();
  const navigate = useNavigate();
  const changed = useChanged();
  const [open, setOpen] = useState<Open>();
  const [busy, setBusy] = useState(false);
  const close = () => setOpen(undefined);
  const pending = m.status === "pending";
  const runNow = async () => {
    setBusy(true);
    try {
      await answer(api.POST("/api/symphony/messages/{id}/run-now", { params: { path: { id: m.id }, query: { transport: m.transport } } }));
      say(t.ranNow);
    } catch (e) {
      say(e instanceof Error ? e.message : String(e), "danger");
    } finally {
      setBusy(false);
      changed();
    }
  };
  const delayed = pending && (m.waiting?.reason === "scheduled" || m.waiting?.reason === "retry");
  return (
    <div role="group" aria-label={t.label} className="flex flex-wrap items-center gap-2">
      {m.status === "failed" && may("consume") && (
        <>
          {!m.masked && <Button kind="primary" icon={<Pencil size={14} aria-hidden />} onClick={() => setOpen("correct")}>{t.correct}</Button>}
          <Button icon={<RotateCw size={14} aria-hidden />} onClick={() => setOpen("retry")}>{t.retry}</Button>
        </>
      )}
      {m.status === "completed" && may("operate") && <Button icon={<RotateCw size={14} aria-hidden />} onClick={() => setOpen("replay")}>{t.replay}</Button>}
      {delayed && may("operate") && <Button kind="primary" busy={busy} icon={<FastForward size={14} aria-hidden />} onClick={() => void runNow()}>{t.runNow}</Button>}
      {pending && may("operate") && <Button icon={<Pencil size={14} aria-hidden />} onClick={() => setOpen("edit")}>{t.edit}</Button>}
      {may("dispatch") && (
        <Button icon={<Copy size={14} aria-hidden />} onClick={() => void navigate({ to: "/send", search: { like: m.id, transport: m.transport } })}>{t.another}</Button>
      )}
      {(pending || (m.status === "processing" && !m.cancel)) && may("operate") && <Button kind="danger" icon={<Ban size={14} aria-hidden />} onClick={() => setOpen("cancel")}>{t.cancel}</Button>}
      {((pending && may("operate")) || (m.status === "failed" && may("consume"))) && (
        <Button kind="danger" icon={<Trash2 size={14} aria-hidden />} onClick={() => setOpen("remove")}>{t.remove}</Button>
      )}
      {open === "edit" && <Edit m={m} onClose={close} />}
      {open === "cancel" && <Cancel m={m} onClose={close} />}
      {open === "remove" && <Remove m={m} onClose={close} />}
      {open === "replay" && <Replay m={m} onClose={close} />}
      {(open === "retry" || open === "correct") && <Retry m={m} correct={open === "correct"} onClose={close} />}
    </div>
  );
}

/** Runs a change, and holds what went wrong. */
export function useDo(onClose: () => void) {
  const changed = useChanged();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async (change: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    try {
      await change();
      changed();
      onClose();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run, forget: () => setError(undefined) };
}

function Cancel({ m, onClose }: { m: Whole; onClose: () => void }) {
  const c = text.message.cancel;
  const [reason, setReason] = useState("");
  const { busy, error, run } = useDo(onClose);
  const send = () => run(async () => {
    const done = await answer(api.POST("/api/symphony/messages/{id}/cancel", {
      params: { path: { id: m.id }, query: { transport: m.transport } }, body: reason.trim() === "" ? {} : { reason: reason.trim() },
    }));
    say(done.status === "cancelling" ? t.cancelling : t.cancelled);
  });
  return (
    <FormDialog title={c.title} kind="danger" submit={c.submit} onClose={onClose} onSubmit={() => void send()} busy={busy} error={error}>
      <p>{m.status === "processing" ? c.processing : c.pending}</p>
      {m.onFailure && <Callout>{c.follows(m.onFailure.type)}</Callout>}
      <p className="text-muted">{c.final}</p>
      <TextArea label={c.reason} hint={c.reasonHint} rows={2} maxLength={500} value={reason} onChange={(e) => setReason(e.target.value)} />
    </FormDialog>
  );
}

function Remove({ m, onClose }: { m: Whole; onClose: () => void }) {
  const r = text.message.remove;
  const navigate = useNavigate();
  const { busy, error, run } = useDo(() => undefined);
  const send = () => run(async () => {
    if (m.status === "failed") {
      await answer(api.DELETE("/api/symphony/failed/{id}", { params: { path: { id: m.failedId ?? m.id }, query: { transport: m.transport } } }));
    } else {
      await answer(api.DELETE("/api/symphony/messages/{id}", { params: { path: { id: m.id }, query: { transport: m.transport } } }));
    }
    say(t.deleted);
    await navigate({ to: m.status === "failed" ? "/failed" : "/messages" });
  });
  return (
    <FormDialog title={r.title} kind="danger" submit={r.submit} onClose={onClose} onSubmit={() => void send()} busy={busy} error={error}>
      <p>{m.status === "failed" ? r.failed : r.pending}</p>
      <p className="text-muted">{r.final}</p>
    </FormDialog>
  );
}
