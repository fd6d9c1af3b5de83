import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CirclePause, CirclePlay } from "lucide-react";
import { useState } from "react";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { parseDuration } from "../../format/duration";
import { fromInput, zoneName } from "../../format/time";
import { useZone } from "../../frame/preferences";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Clamped } from "../../ui/clamped";
import { FormDialog } from "../../ui/dialog";
import { Select, TextField } from "../../ui/field";
import { Callout } from "../../ui/states";
import { Badge } from "../../ui/status";
import { Time } from "../../ui/time";
import { say } from "../../ui/toast";
import { Who } from "../../ui/who";
import { held, type HoldTarget, type PlacedHold } from "./held";

const t = text.steering;

/** Makes stale what a hold, a limit or a purge changes. */
export function useSteered() {
  const client = useQueryClient();
  return () => {
    for (const key of ["queues", "types", "holds", "limits", "status", "messages", "counts"]) void client.invalidateQueries({ queryKey: [key] });
  };
}

/** The holds of a row, each as a word. */
export function HoldBadges({ holds }: { holds: Pick<PlacedHold, "mode">[] }) {
  const modes = [...new Set(holds.map((h) => h.mode))];
  return <>{modes.map((m) => <Badge key={m} tone="warn"><CirclePause size={12} aria-hidden />{t.mode[m]}</Badge>)}</>;
}

/** Each hold in full, with what ends it. */
export function HoldNotes({ holds, waiting }: { holds: PlacedHold[]; waiting?: number }) {
  const { may } = usePermissions();
  const [ending, setEnding] = useState<PlacedHold>();
  return (
    <>
      {holds.map((h) => (
        <Callout key={`${h.transport} ${h.queue} ${h.type}`} tone="warn">
          <div className="flex flex-wrap items-start justify-between gap-2">
            <div className="min-w-0">
              <p className="font-semibold foreign">{h.mode === "paused" ? t.hold.paused(held(h)) : t.hold.draining(held(h))}</p>
              <p>{t.modeHint[h.mode]}</p>
              {h.reason && <Clamped text={h.reason} />}
              <p className="text-xs text-muted">
                {t.hold.since} <Time at={h.since} />{h.by && <> <Who id={h.by} say={t.hold.by} /></>} · {h.until ? <>{t.hold.ends} <Time at={h.until} ahead /></> : t.hold.never}
              </p>
            </div>
            {may("operate") && <Button icon={<CirclePlay size={14} aria-hidden />} onClick={() => setEnding(h)}>{t.hold.resume}</Button>}
          </div>
        </Callout>
      ))}
      {ending && <ResumeDialog target={ending} waiting={waiting} onClose={() => setEnding(undefined)} />}
    </>
  );
}

function ResumeDialog({ target, waiting, onClose }: { target: HoldTarget; waiting?: number; onClose: () => void }) {
  const steered = useSteered();
  const { transport, queue, type } = target;
  const resume = useMutation({
    mutationFn: () => answer(api.POST("/api/symphony/resume", { body: { transport, queue: queue || undefined, type: type || undefined } })),
    onSuccess: () => {
      steered();
      say(t.hold.resumed(held(target)));
      onClose();
    },
  });
  return (
    <FormDialog title={t.hold.resumeTitle(held(target))} onClose={onClose} submit={t.hold.resume} busy={resume.isPending} error={resume.error} onSubmit={() => resume.mutate()}>
      <p>{t.hold.resumeWhat(waiting)}</p>
    </FormDialog>
  );
}

/** Pauses or drains a queue, or pauses the types of a pattern, until somebody resumes it or for some time. */
export function HoldDialog({ mode, targets, waiting, onClose }: {
  mode: "pause" | "drain"; waiting?: number; onClose: () => void;
  /** Where it can be; of several one is chosen. */
  targets: HoldTarget[];
}) {
  const zone = useZone();
  const steered = useSteered();
  const [place, setPlace] = useState(0);
  const [reason, setReason] = useState("");
  const [length, setLength] = useState("");
  const [at, setAt] = useState("");
  const target = targets[place] ?? targets[0]!;
  const until = length === "at" ? fromInput(at, zone) : length ? new Date(Date.now() + (parseDuration(length) ?? 0)).toISOString() : undefined;
  const wrong = length !== "at" ? undefined : !until ? t.hold.noTime : Date.parse(until) <= Date.now() ? t.hold.past : undefined;
  const hold = useMutation({
    mutationFn: () => {
      const body = { transport: target.transport, queue: target.queue, type: target.type, reason: reason.trim() || undefined, until };
      return mode === "pause" ? answer(api.POST("/api/symphony/pause", { body })) : answer(api.POST("/api/symphony/drain", { body }));
    },
    onSuccess: () => {
      steered();
      say(mode === "pause" ? t.hold.paused(held(target)) : t.hold.draining(held(target)));
      onClose();
    },
  });
  return (
    <FormDialog
      title={mode === "pause" ? t.hold.pauseTitle(held(target)) : t.hold.drainTitle(held(target))} onClose={onClose} submit={mode === "pause" ? t.hold.pause : t.hold.drain}
      busy={hold.isPending} error={hold.error} refused={wrong} onSubmit={() => hold.mutate()}
    >
      <p>{mode === "pause" ? t.hold.pauseWhat(waiting) : t.hold.drainWhat}</p>
      {targets.length > 1 && <Select label={t.hold.transport} value={String(place)} onChange={(e) => setPlace(Number(e.target.value))} options={targets.map((x, i) => [String(i), x.transport] as const)} />}
      <TextField label={t.hold.reason} hint={t.hold.reasonHint} maxLength={500} autoFocus value={reason} onChange={(e) => setReason(e.target.value)} />
      <Select label={t.hold.until} value={length} onChange={(e) => setLength(e.target.value)} options={t.hold.untilOptions as [string, string][]} />
      {length === "at" && <TextField label={t.hold.at} hint={t.hold.zone(zoneName(zone))} error={at ? wrong : undefined} type="datetime-local" value={at} onChange={(e) => setAt(e.target.value)} />}
    </FormDialog>
  );
}
