import { plural } from "../format/number";

/** Texts of the page of alerts. */
export const alerts = {
  title: "Alerts",
  lead: "Rules that watch the same signals as the health, and tell webhooks when something is wrong and when it is over.",
  table: "Rules",
  columns: { state: "State", rule: "Rule", where: "Where", value: "Now", threshold: "Fires at", since: "Since", mend: "Where to look" },
  states: { ok: "Fine", pending: "About to fire", firing: "Firing", resolving: "About to end", unknown: "Unknown" },
  statesWhy: {
    ok: "The value is below the threshold.", pending: "The value is beyond the threshold, not for long enough yet.", firing: "The value has been beyond the threshold for long enough.",
    resolving: "It fires; the value is back, not for long enough yet.", unknown: "The value cannot be had now.",
  },
  // Of rules that are not judged.
  unjudged: { ok: "Fine", pending: "Beyond threshold", firing: "Fired before", resolving: "Fired before", unknown: "Unknown" },
  unjudgedWhy: {
    ok: "The value is below the threshold.", pending: "The value is beyond the threshold; nobody is told.", firing: "It fired when it was last judged, and the value is beyond the threshold.",
    resolving: "It fired when it was last judged; the value is back.", unknown: "The value cannot be had now.",
  },
  rules: {
    dead_letters_growing: "Messages fail for good", oldest_message_too_old: "The oldest message waits too long", error_rate: "Too many attempts fail",
    storage_bytes: "The storage is large", no_workers: "Nobody works", regression: "A resolved failure is back",
  } as Record<string, string>,
  mend: {
    dead_letters_growing: "Failed messages", oldest_message_too_old: "The queue", error_rate: "Failed messages", storage_bytes: "Settings", no_workers: "Workers", regression: "Regressed groups",
  } as Record<string, string>,
  history: {
    title: "What fired lately", note: "Of the events that are kept: of one day, the newest 10,000. What is older the webhooks were told.",
    none: "No alert has fired in the last day.", columns: { rule: "Rule", where: "Where", began: "Fired", value: "Value then", ended: "Ended", lasted: "Lasted" }, on: "It still fires", paused: "Updates are paused: resume them to read it.",
  },
  never: "never fired", ended: "ended", began: "fires for",
  clears: (v: string) => `ends at ${v}`,
  told: "told", undelivered: (n: number) => `${plural(n, "notification")} not delivered yet`,
  firing: (n: number) => `${plural(n, "alert")} ${n === 1 ? "fires" : "fire"}`, fine: "No alert fires.",
  disabled: "The rules are not judged, and nobody is told: alerts are switched off. The values are those of now.",
  enable: "Switch them on in symphony.yaml, with a webhook or without:",
  none: "There is no rule for any transport.",
  test: "Send a test", testing: "Sending…", testTitle: "Test of the webhooks", testLead: "A notification that says that it is a test was posted to every webhook.",
  delivered: "Taken", failed: "Not taken", noWebhook: "No webhook is configured: alerts are shown here and told as events only.",
  count: (v: string, unit: string) => (unit === "messages" ? (v === "1" ? "1 message" : `${v} messages`) : v),
};
