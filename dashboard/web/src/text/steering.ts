import { count, plural } from "../format/number";

/** What is held, within a sentence: "queue mail" of "Queue mail". */
const within = (what: string) => what.charAt(0).toLowerCase() + what.slice(1);

/** Texts about what stops and limits queues and types, of both pages that steer them. */
export const steering = {
  mode: { paused: "Paused", draining: "Draining" },
  modeHint: {
    paused: "Messages are accepted and none is handed out.",
    draining: "Messages are handed out and none is accepted.",
  },
  hold: {
    pause: "Pause", drain: "Drain", resume: "Resume",
    pauseTitle: (what: string) => `Pause ${within(what)}`,
    drainTitle: (what: string) => `Drain ${within(what)}`,
    pauseWhat: (waiting: number | undefined) =>
      `Messages are accepted and none is handed to workers until it is resumed. Those in workers' hands are finished.${waiting ? ` ${plural(waiting, "message waits", "messages wait")} now.` : ""}`,
    drainWhat: "New messages are refused with 409 queue_draining until it is resumed. What is there is handled.",
    reason: "Reason", reasonHint: "Shown to everybody who meets it.",
    until: "For how long", untilOptions: [["", "Until somebody resumes it"], ["15m", "15 minutes"], ["1h", "1 hour"], ["4h", "4 hours"], ["24h", "1 day"], ["at", "Until a time"]],
    at: "Until", zone: (zone: string) => `In ${zone}.`, past: "This time is over.", noTime: "Say until when.",
    transport: "Transport",
    paused: (what: string) => `${what} is paused.`,
    draining: (what: string) => `${what} drains.`,
    resumed: (what: string) => `${what} goes on.`,
    resumeTitle: (what: string) => `Resume ${within(what)}`,
    resumeWhat: (waiting: number | undefined) => waiting ? `${plural(waiting, "waiting message is", "waiting messages are")} handed out from now on.` : "Messages are handed out and accepted from now on.",
    since: "Set", by: (who: string) => `by ${who}`, ends: "ends", never: "It does not end by itself.",
    ofQueue: (name: string) => `Queue ${name}`, ofType: (name: string) => `Type ${name}`, ofTransport: (name: string) => `Transport ${name}`,
    whole: "The whole transport",
  },
  limits: {
    title: "Limits", none: "No limit holds here. Every message may start as soon as a worker has room.",
    set: "Set a limit", edit: "Change", remove: "Back to the configuration", removeBare: "Take away",
    of: "Limit of", configured: "Configured", atRunTime: "Set", now: "Now", running: "Running", waiting: "Waiting", tokens: "May start now",
    perKey: "for each key", unlimited: "unlimited", pressure: "Asked to wait", until: "Until",
    concurrency: (n: number) => `${count(n)} at a time`, burst: (n: number) => `burst ${count(n)}`,
    value: { concurrency: "At the same time", rate: "Rate", burst: "Starts at the same moment" },
    concurrencyHint: "Messages in workers' hands. Empty: unlimited.", rateHint: "Such as 100/s, 30/m or 5/10s. Empty: unlimited.",
    burstHint: "After a pause. Empty: what the rate allows in 50 ms.",
    title_: (what: string) => `Limit ${what}`,
    what: (configured: string) => `It takes the place of what is configured (${configured}), holds for every message that is handed out after the answer, also for those that wait already, and on all nodes. Those in workers' hands are finished.`,
    nothing: "nothing", save: "Set the limit", saved: "The limit holds.", removed: "The configuration holds again.",
    removeTitle: (what: string) => `Take away the limit of ${what}`,
    removeWhat: (configured: string) => `What was set ends at once. Then this holds: ${configured}.`,
    pressureFrom: (factor: string) => `${factor} of the rate is left`, pressureUntil: "waits until",
    whole: "A whole number, at least 1.",
    untilOptions: [["", "Until somebody takes it away"], ["15m", "15 minutes"], ["1h", "1 hour"], ["4h", "4 hours"], ["24h", "1 day"], ["at", "Until a time"]],
    setBy: (who: string) => `by ${who}`,
  },
  purge: {
    action: "Purge", title: (name: string) => `Purge queue ${name}`,
    what: (waiting: number) => `Deletes ${plural(waiting, "waiting message")} of this queue: ready, scheduled and waiting for a retry.`,
    left: "Messages in workers' hands and the dead letter queue are left alone. Idempotency keys are remembered.",
    undo: "This cannot be undone: what is purged is gone.",
    submit: "Delete them for good", done: (n: number) => `${plural(n, "message")} deleted.`, confirm: "Name of the queue",
    nothing: "Nothing waits here.",
  },
};
