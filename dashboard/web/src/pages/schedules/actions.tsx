import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { absolute, zoneName } from "../../format/time";
import { useZone } from "../../frame/preferences";
import { text } from "../../text";
import { FormDialog } from "../../ui/dialog";
import { say } from "../../ui/toast";
import type { Schedule } from "./definition";

const t = text.schedules.actions;
type Asked = "run" | "remove" | "skip";

/** What can be done with a schedule, and the dialogs that ask first. after is told of a deletion. */
export function useActions(s: Schedule, after?: () => Promise<void>) {
  const client = useQueryClient();
  const { may } = usePermissions();
  const zone = useZone();
  const [asked, setAsked] = useState<Asked>();
  // The occurrence that was asked about: should it fire meanwhile, the server refuses instead of skipping another one.
  const [occurrence, setOccurrence] = useState("");
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
  const skip = useMutation({
    mutationFn: () => answer(api.POST("/api/symphony/schedules/{id}/skip", { ...path, body: { occurrence } })),
    onSuccess: () => {
      say(t.skipped(absolute(occurrence, zone)));
      close();
      return stale();
    },
  });
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/symphony/schedules/{id}", path)),
    onSuccess: async () => {
      say(t.removed);
      close();
      // A list that still had it would ask for its runs, and its own page for all of it.
      await client.refetchQueries({ queryKey: ["schedules", "list"], type: "all" });
      return after?.();
    },
  });

  let dialog: ReactNode = null;
  if (asked === "run") {
    dialog = (
      <FormDialog title={t.runTitle} onClose={close} onSubmit={() => run.mutate()} submit={t.run} busy={run.isPending} error={run.error}>
        <p className="foreign">{t.runText(s.message?.type ?? "")}</p>
      </FormDialog>
    );
  } else if (asked === "skip") {
    dialog = (
      <FormDialog title={t.skipTitle} onClose={close} onSubmit={() => skip.mutate()} submit={t.skip} busy={skip.isPending} error={skip.error}>
        <p>{t.skipText(`${absolute(occurrence, zone)} ${zoneName(zone, new Date(occurrence))}`)}</p>
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
      skip: operate && !s.unreadable && s.nextRunAt !== undefined,
      enable: operate && !s.unreadable && s.enabled === false,
      disable: operate && !s.unreadable && s.enabled !== false && s.state !== "completed",
      edit: operate && !s.unreadable && s.source !== "config",
      remove: operate && s.source !== "config",
    },
    skip: () => {
      setOccurrence(s.nextRunAt ?? "");
      skip.reset();
      setAsked("skip");
    },
    run: () => setAsked("run"), remove: () => setAsked("remove"), enable: () => enable.mutate(), disable: () => disable.mutate(),
    busy: enable.isPending || disable.isPending,
  };
}
