import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { text } from "../../text";
import { FormDialog } from "../../ui/dialog";
import { say } from "../../ui/toast";
import type { Schedule } from "./definition";

const t = text.schedules.actions;
type Asked = "run" | "remove";

/** What can be done with a schedule, and the dialogs that ask first. after is told of a deletion. */
export function useActions(s: Schedule, after?: () => void) {
  const client = useQueryClient();
  const { may } = usePermissions();
  const [asked, setAsked] = useState<Asked>();
  const stale = () => client.invalidateQueries({ queryKey: ["schedules"] });
  const path = { params: { path: { id: s.id } } };
  const close = () => setAsked(undefined);
  const wrong = (e: Error) => say(e.message, "danger");

  const run = useMutation({
    mutationFn: () => answer(api.POST("/api/symphony/schedules/{id}/run", path)),
    onSuccess: ({ run: r }) => {
      const m = r.messages[0];
      say(<>{t.ran} {m && <Link to="/messages/$id" params={{ id: m.id }} search={{ transport: m.transport }} className="link">{t.message}</Link>}</>);
      close();
      return stale();
    },
  });
  const enable = useMutation({
    mutationFn: () => answer(api.POST("/api/symphony/schedules/{id}/enable", path)), onSuccess: () => (say(t.enabled), stale()), onError: wrong,
  });
  const disable = useMutation({
    mutationFn: () => answer(api.POST("/api/symphony/schedules/{id}/disable", path)), onSuccess: () => (say(t.disabled), stale()), onError: wrong,
  });
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/symphony/schedules/{id}", path)),
    onSuccess: () => {
      say(t.removed);
      close();
      after?.();
      return stale();
    },
  });

  let dialog: ReactNode = null;
  if (asked === "run") {
    dialog = (
      <FormDialog title={t.runTitle} onClose={close} onSubmit={() => run.mutate()} submit={t.run} busy={run.isPending} error={run.error}>
        <p className="foreign">{t.runText(s.message?.type ?? "")}</p>
      </FormDialog>
    );
  } else if (asked === "remove") {
    dialog = (
      <FormDialog title={t.removeTitle} kind="danger" onClose={close} onSubmit={() => remove.mutate()} submit={t.remove} busy={remove.isPending} error={remove.error}>
        <p className="foreign">{t.removeText(s.name ?? s.id, s.runCount)}</p>
      </FormDialog>
    );
  }
  const operate = may("operate");
  return {
    dialog,
    may: {
      run: operate && !s.unreadable,
      enable: operate && !s.unreadable && s.enabled === false,
      disable: operate && !s.unreadable && s.enabled !== false && s.state !== "completed",
      edit: operate && !s.unreadable && s.source !== "config",
      remove: operate && s.source !== "config",
    },
    run: () => setAsked("run"), remove: () => setAsked("remove"), enable: () => enable.mutate(), disable: () => disable.mutate(),
    busy: enable.isPending || disable.isPending,
  };
}
