import { count, plural } from "../format/number";

const messages = (n: number) => plural(n, "message");
const atLeast = (n: number, more?: boolean) => (more ? `at least ${messages(n)}` : messages(n));

/** Texts of work on many messages. */
export const bulk = {
  selected: (n: number) => `${count(n)} selected`,
  selectAll: (n: number, more?: boolean) => `Select all ${more ? "that match, more than " : ""}${count(n)}${more ? "" : " that match"}`,
  allSelected: (n: number, more?: boolean) => `All that match: ${atLeast(n, more)}`,
  clear: "Clear selection",
  back: "Back",
  bar: "What to do with the selection",
  /** On buttons. */
  name: { cancel: "Cancel", edit: "Edit", delete: "Delete", replay: "Replay", retry: "Retry", deleteFailed: "Delete failed" },
  button: (name: string, n: number, more?: boolean) => `${name} ${count(n)}${more ? "+" : ""}…`,
  title: {
    cancel: "Cancel messages", edit: "Edit messages", delete: "Delete messages", replay: "Replay messages", retry: "Retry failed messages",
    deleteFailed: "Delete failed messages",
  },
  submit: {
    cancel: (n: number, more?: boolean) => `Cancel ${atLeast(n, more)}`,
    edit: (n: number, more?: boolean) => `Change ${atLeast(n, more)}`,
    delete: (n: number, more?: boolean) => `Delete ${atLeast(n, more)}`,
    replay: (n: number, more?: boolean) => `Dispatch ${atLeast(n, more)} again`,
    retry: (n: number, more?: boolean) => `Retry ${atLeast(n, more)}`,
    deleteFailed: (n: number, more?: boolean) => `Delete ${atLeast(n, more)}`,
  },
  happens: {
    cancel: "Those that wait are cancelled at once. Of those in hand, workers are told to stop; they are never retried. Cancelled messages are kept as long as completed ones.",
    edit: "Messages that wait are changed, each checked as at its dispatch. One that the change would spoil stays as it is and counts as skipped.",
    delete: "Messages that wait are deleted, and never handled. Nothing but the audit’s entry is left of them.",
    replay: "Each completed message is dispatched again, as a new message with the same type, payload, queue and priority. Its handler runs once more, with all that it does elsewhere.",
    retry: "Each leaves the dead letters and is dispatched again as a new message, with all its retries.",
    deleteFailed: "They are deleted from the dead letters and cannot be retried afterwards.",
  },
  undo: "This cannot be undone. A running operation can be stopped; what was done by then stays done.",
  later: "Messages that are dispatched after you confirm are left alone.",
  laterFailed: "Messages that fail after you confirm are left alone.",
  counting: "Counting…",
  selects: (n: number, more?: boolean) => `Selected now: ${atLeast(n, more)}.`,
  none: "Nothing is selected any more.",
  fewer: (n: number) => `${messages(n)} of the selection ${n === 1 ? "has" : "have"} another status, and ${n === 1 ? "is" : "are"} left alone.`,
  everything: "There is no filter: this is every such message.",
  filter: "Filter", transport: "Transport", by: "Selected by hand",
  collecting: (n: number) => `Looking for them: ${count(n)} found…`,
  collected: (n: number) => `Dead letters are found by the time of their failure and the text of their errors, so these ${count(n)} were looked up one by one.`,
  collectedMost: (n: number) => `There are more than ${count(n)}. Only the first ${count(n)} are selected; do it again for the others.`,
  rate: "Rate", rateHint: "Messages a second, 1 to 100,000. Empty: as fast as storage takes them.", rateBad: "A whole number from 1 to 100,000.",
  reason: "Reason", reasonHint: "Kept with each message. Up to 500 bytes.",
  typeAll: "Type delete to confirm.", typeAllWord: "delete",
  edit: {
    choose: "Choose at least one change.", priority: "Priority", unchanged: "Leave as it is", usual: "The usual one", when: "When to run", atOnce: "At once",
    at: "At a time", time: "Time", timeBad: "Choose a time.", retries: "Retries", retriesHint: "0 to 100. Empty: leave as they are.", retriesBad: "A whole number from 0 to 100.",
    tags: "Tags", tagsHint: "With commas between. They take the place of all tags. Empty: leave as they are.",
    queue: "A message keeps its queue: the API cannot change it.",
  },
  patch: "Correct the payloads", patchLabel: "JSON merge patch", patchHint: "Members given replace those of each payload, null removes them. Empty: payloads stay as they are.",
  patchBad: "This is no JSON object.", before: "Before", after: "After", examples: "What the patch makes of three of them",
  started: (n: number) => (n === 1 ? "The operation has begun." : `${count(n)} operations have begun, one for each transport.`),
};
