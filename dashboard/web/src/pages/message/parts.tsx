import { Eye } from "lucide-react";
import { usePermissions } from "../../api/session";
import { isObject, type Json } from "../../api/json";
import { LargeJson, type Part } from "../../json/large";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { JsonDiff } from "../../ui/json-diff";
import { JsonLarge } from "../../ui/json-large";
import { JsonView } from "../../ui/json-view";
import { Section } from "../../ui/page";
import { Badge } from "../../ui/status";
import { Tooltip } from "../../ui/tooltip";
import { isEmpty, type Whole } from "./load";

const t = text.message.parts;

/** What the message carries and has left, and how a retry has changed it. */
export function Parts({ m, onUnmask }: { m: Whole; onUnmask: () => void }) {
  const { can } = usePermissions();
  const unmask = m.masked && can("admin") && (
    <Tooltip text={t.unmaskWhy}><Button icon={<Eye size={14} aria-hidden />} onClick={onUnmask}>{t.unmask}</Button></Tooltip>
  );
  return (
    <>
      <PartSection title={t.payload} value={m.message.payload} masked={m.masked} actions={unmask} always />
      {m.retryOf && <Diff m={m} />}
      <PartSection title={t.output} value={m.output} masked={m.masked} />
      <PartSection title={t.metadata} value={m.message.metadata} masked={m.masked} />
      <PartSection title={t.headers} value={m.headers} masked={m.masked} />
      <PartSection title={t.onSuccess} value={m.onSuccess as unknown as Json | undefined} />
      <PartSection title={t.onFailure} value={m.onFailure as unknown as Json | undefined} />
    </>
  );
}

/** Tells whether all of a part is hidden. */
function hidden(v: Part | undefined): boolean {
  return isObject(v) && v.redacted === true && Object.keys(v).length === 1;
}

function PartSection({ title, value, masked, actions, always }: { title: string; value: Part | undefined; masked?: boolean; actions?: React.ReactNode; always?: boolean }) {
  if (!always && isEmpty(value)) return null;
  const badge = masked && <Tooltip text={text.shared.maskedWhy}><span tabIndex={0}><Badge>{text.shared.masked}</Badge></span></Tooltip>;
  return (
    <Section title={<span className="flex items-center gap-2">{title}{badge}</span>} actions={actions}>
      {masked && hidden(value) ? <p className="p-4 text-sm text-muted">{text.shared.maskedWhy}</p>
        : value instanceof LargeJson ? <JsonLarge value={value} label={title} />
        : <JsonView value={value as Json} label={title} />}
    </Section>
  );
}

function Diff({ m }: { m: Whole }) {
  const before = m.retryOf?.payload;
  const after = m.message.payload;
  return (
    <Section title={t.diff}>
      {before === undefined ? <p className="p-4 text-sm text-muted">{t.same}</p>
        : before instanceof LargeJson || after instanceof LargeJson ? <p className="p-4 text-sm text-muted">{t.tooLarge}</p>
        : <JsonDiff before={before} after={after as Json} label={t.diffLabel} />}
    </Section>
  );
}
