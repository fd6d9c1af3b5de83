import { count, plural } from "../format/number";

const what = { retry: "Retry failed messages", delete: "Delete failed messages", replay: "Replay messages", cancel: "Cancel messages", edit: "Edit messages", remove: "Delete messages" };

/** Texts of work in the background. */
export const operations = {
  title: "Operations",
  lead: "Work on many messages that goes on by itself. What has ended is remembered for a week.",
  one: "Operation",
  list: "Operations",
  kind: {
    "failed.retry": what.retry, "failed.delete": what.delete, "messages.replay": what.replay, "messages.cancel": what.cancel, "messages.edit": what.edit,
    "messages.delete": what.remove,
  } as Record<string, string>,
  /** What the messages that are done were. */
  did: {
    "failed.retry": "retried", "failed.delete": "deleted", "messages.replay": "replayed", "messages.cancel": "cancelled", "messages.edit": "changed", "messages.delete": "deleted",
  } as Record<string, string>,
  state: { running: "Running", stopped: "Stopped", completed: "Completed", failed: "Failed" } as Record<string, string>,
  states: "States", allStates: "All",
  badState: (s: string) => `The address has the state ${s}; there are running, stopped, completed and failed.`,
  column: { kind: "What", state: "State", progress: "Progress", skipped: "Skipped", by: "By", transport: "Transport", created: "Asked for" },
  progress: (done: number, total: number | undefined) => (total === undefined ? `${count(done)} so far` : `${count(done)} of ${count(total)}`),
  counting: "still being counted",
  none: "No operations",
  noneWhy: "Work on many messages begins on the pages Messages and Failed: select some, or all that match. It shows here and goes on without the page.",
  noneInState: "No operation is in this state.",
  toMessages: "To the messages", toFailed: "To the failed messages",
  newRows: (n: number) => `${plural(n, "new operation")}: show`,
  stop: "Stop", resume: "Resume", again: "Try again",
  stopping: "Once it has stopped, nothing more is begun. What was done stays done, and it can be resumed.",
  stopped: "The operation is stopped.", resumed: "The operation goes on.",
  done: "Done", skipped: "Skipped", total: "Total", speed: "Speed", left: "Time left", took: "Took",
  skippedWhy: "Not there any more, in another status by then, or refused.",
  speedBound: (rate: string) => `at most ${rate}`,
  unbounded: "as fast as storage takes them",
  measuring: "being measured",
  error: "What holds it up, ended it, or had it skip a message:",
  facts: "What it was asked for",
  what: "What", filter: "Filter", everything: "everything", ids: "Messages", byHand: (n: number) => `${plural(n, "message")} by id`, set: "Changes", reason: "Reason", rate: "Rate", transport: "Transport",
  by: "Asked for by", node: "Worked on by", created: "Asked for", started: "Begun", updated: "Last step", finished: "Ended", id: "Id",
  untilNote: "It left alone what came after it was asked for.",
  selects: "Messages that it selects", selectsFailed: "Failed messages that it selects", outcome: { replay: "Messages that it dispatched", cancel: "Messages that were cancelled since", retry: "Messages dispatched since" },
  unreadable: "Part of this operation cannot be shown: another release stored it, or storage was damaged.",
  missing: "There is no such operation. Those that have ended are remembered for a week.",
  bar: (done: number, total: number | undefined) => (total === undefined ? `${count(done)} done` : `${count(done)} of ${count(total)} done`),
};
