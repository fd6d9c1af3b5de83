import { Link } from "@tanstack/react-router";
import { text } from "../../text";
import { Badge } from "../../ui/status";
import { Time } from "../../ui/time";
import { standing, type Group } from "./calls";

const t = text.failed;
const tones = { open: "danger", regressed: "warn", ignored: "plain", resolved: "good", cleared: "plain" } as const;

/** What was decided about a group, until when, and what was said of it; inRow at the right of a card on phones. */
export function GroupStanding({ group, inRow }: { group: Group; inRow?: boolean }) {
  const state = standing(group);
  return (
    <span className={`flex min-w-0 flex-col items-start gap-0.5 ${inRow ? "max-sm:items-end" : ""}`}>
      <Badge tone={tones[state]}>{t.state[state]}</Badge>
      {group.until && <span className="text-xs text-muted">{t.until} <Time at={group.until} ahead /></span>}
      {group.note && <span className="max-w-full truncate text-xs text-muted foreign" title={group.note}>{group.note}</span>}
    </span>
  );
}

/** The error of a group as a link to its page, and its type and class below. */
export function GroupName({ group }: { group: Group }) {
  return (
    <span className="flex min-w-0 flex-col gap-0.5">
      <Link to="/failed/group" search={{ transport: group.transport, group: group.group }} className="link line-clamp-2 font-medium whitespace-normal foreign" title={group.sample.slice(0, 500)}>
        {gist(group.sample) || group.errorClass || t.group.unknown}
      </Link>
      <span className="truncate text-xs text-muted foreign">{[group.type, group.errorClass, group.transport].filter(Boolean).join(" · ")}</span>
    </span>
  );
}

/** What an error says, on a line: without the call to an endpoint before it, which is the same in many. */
export function gist(error: string): string {
  return oneLine(error.replace(/^httppush: [A-Z]+ \S+: /, ""));
}

/** A text on one line, and not more of it than a line can have. */
export function oneLine(s: string): string {
  return s.slice(0, 400).replace(/[ \t\r\n]+/g, " ").trim();
}
