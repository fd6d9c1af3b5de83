import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CircleHelp, Search, X } from "lucide-react";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { answer, api } from "../api/client";
import { usePermissions } from "../api/session";
import { parseFilter, printFilter, qualifiers, sameFilter, type Filter, type FilterProblem, type Qualifier } from "../filter";
import { choose, suggest, withPatterns, type KnownValues, type Suggestion } from "../filter-suggest";
import { useZone } from "../frame/preferences";
import { text } from "../text";
import { IconButton } from "./button";
import { Popover } from "./menu";
import { Callout } from "./states";

const t = text.filter;
const looksLikeID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// What looks into messages that are hidden from the scope observe.
const revealing: Qualifier[] = ["metadata", "idempotencyKey", "groupKey", "concurrencyKey"];

type Props = {
  filter: Filter;
  onChange: (filter: Filter) => void;
  /** What cannot be chosen here. */
  without?: readonly Qualifier[];
  /** Dead letters are filtered: times are those of failures. */
  failed?: boolean;
  /** Values to offer beside types and queues; see seenIn. */
  known?: KnownValues;
};

/** One line that filters messages by words such as type:mail.* and free text; it offers names and values, and explains itself. */
export function FilterBar({ filter, onChange, without = [], failed = false, known }: Props) {
  const zone = useZone();
  const navigate = useNavigate();
  const { can } = usePermissions();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(() => printFilter(filter));
  const [caret, setCaret] = useState(0);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const [problems, setProblems] = useState<FilterProblem[]>([]);
  const hidden = !can("read");
  const barred = useMemo(() => (hidden ? [...without, ...revealing] : without), [without, hidden]);
  const about = failed ? { ...t.about, ...t.aboutFailed } : t.about;

  // A filter from elsewhere, such as a saved view, takes the place of what is typed. One that was told from here comes back
  // a moment later, when more may have been typed.
  const written = printFilter(filter);
  const told = useRef(written);
  const tell = (f: Filter) => {
    told.current = printFilter(f);
    onChange(f);
  };
  useEffect(() => {
    if (written === told.current) return;
    told.current = written;
    setDraft((d) => (sameFilter(parseFilter(d, { zone }).filter, filter) ? d : written));
    setProblems([]);
    // What is typed and the zone change without a new filter: then nothing is put.
  }, [written]);

  // The caret is where it belongs before the next key comes.
  const moved = useRef<number>(undefined);
  useLayoutEffect(() => {
    if (moved.current !== undefined) input.current?.setSelectionRange(moved.current, moved.current);
    moved.current = undefined;
  });

  const names = useNames(open);
  const offered = useMemo(() => {
    if (!open) return [];
    const values: KnownValues = { ...names, ...known };
    return suggest(draft, caret, values, barred, about);
  }, [open, draft, caret, names, known, barred, about]);
  const messageId = looksLikeID.test(draft.trim()) ? draft.trim() : undefined;
  const shown = open && (offered.length > 0 || messageId !== undefined);

  const apply = (value: string) => {
    const read = parseFilter(value, { zone, without: barred });
    if (hidden && read.filter.q) read.problems.push({ from: 0, to: value.length, message: t.hidden });
    setProblems(read.problems);
    if (read.problems.length > 0) return;
    setOpen(false);
    setActive(-1);
    setDraft(printFilter(read.filter));
    tell(read.filter);
  };
  const put = (value: string, at: number) => {
    setDraft(value);
    setCaret(at);
    setActive(-1);
    moved.current = at;
  };
  const pick = (s: Suggestion) => {
    const next = choose(draft, s);
    put(next.text, next.caret);
    input.current?.focus();
    if (!s.open && parseFilter(next.text, { zone, without: barred }).problems.length === 0) {
      tell(parseFilter(next.text, { zone, without: barred }).filter);
      setProblems([]);
    }
  };
  const go = (m: string) => navigate({ to: "/messages/$id", params: { id: m } });
  const press = (e: KeyboardEvent<HTMLInputElement>) => {
    const many = offered.length;
    if ((e.key === "ArrowDown" || e.key === "ArrowUp") && many > 0) {
      e.preventDefault();
      setOpen(true);
      setActive((a) => (e.key === "ArrowDown" ? (a + 1) % many : (a <= 0 ? many : a) - 1));
    } else if (e.key === "Tab" && shown && active >= 0 && offered[active]) {
      e.preventDefault();
      pick(offered[active]);
    } else if (e.key === "Enter") {
      e.preventDefault();
      if (shown && active >= 0 && offered[active]) pick(offered[active]);
      else if (messageId) void go(messageId);
      else apply(draft);
    } else if (e.key === "Escape") {
      if (shown) e.stopPropagation();
      if (shown) setOpen(false);
      else input.current?.blur();
    }
  };
  useEffect(() => {
    if (active >= 0) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [active, id]);

  const dirty = !sameFilter(parseFilter(draft, { zone }).filter, filter);
  return (
    <div className="flex min-w-0 flex-1 flex-col gap-1">
      <div className="relative flex items-center gap-1">
        <div className="relative min-w-0 flex-1">
          <Search size={14} aria-hidden className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-muted" />
          <input
            ref={input} data-search role="combobox" aria-label={t.label} aria-expanded={shown} aria-controls={`${id}-list`} aria-autocomplete="list"
            aria-activedescendant={shown && active >= 0 ? `${id}-${active}` : undefined} aria-invalid={problems.length > 0 || undefined}
            aria-describedby={problems.length > 0 ? `${id}-wrong` : dirty ? `${id}-hint` : undefined}
            value={draft} placeholder={t.placeholder} autoComplete="off" autoCapitalize="off" autoCorrect="off" spellCheck={false} enterKeyHint="search"
            className="field w-full pr-9 pl-8 font-mono text-xs"
            onChange={(e) => {
              setDraft(e.target.value);
              setCaret(e.target.selectionStart ?? e.target.value.length);
              setOpen(true);
              setActive(-1);
              setProblems([]);
            }}
            onSelect={(e) => setCaret(e.currentTarget.selectionStart ?? 0)}
            onFocus={() => setOpen(true)} onClick={() => setOpen(true)} onBlur={() => setOpen(false)} onKeyDown={press}
          />
          {draft !== "" && (
            <span className="absolute top-0 right-0">
              <IconButton label={t.clear} icon={<X size={14} aria-hidden />} onClick={() => (apply(""), input.current?.focus())} />
            </span>
          )}
          <ul
            id={`${id}-list`} role="listbox" aria-label={t.suggestions} hidden={!shown}
            className="absolute top-full right-0 left-0 z-40 mt-1 max-h-[60vh] overflow-y-auto rounded-md border border-line bg-surface p-1 text-sm shadow-lg"
            // The field keeps the focus.
            onMouseDown={(e) => e.preventDefault()}
          >
            {messageId && (
              <li role="option" aria-selected={false} onClick={() => go(messageId)} className="flex min-h-8 cursor-pointer items-center rounded px-2 hover:bg-hover">
                {t.openMessage(messageId)}
              </li>
            )}
            {offered.map((s, i) => (
              <li
                key={s.label} id={`${id}-${i}`} role="option" aria-selected={i === active} onClick={() => pick(s)}
                className="flex min-h-8 cursor-pointer items-center justify-between gap-4 rounded px-2 hover:bg-hover aria-selected:bg-hover"
              >
                <span className="min-w-0 truncate font-mono text-xs foreign">{s.label}</span>
                {s.note && <span className="min-w-0 truncate text-xs text-muted">{s.note}</span>}
              </li>
            ))}
          </ul>
        </div>
        <Popover align="end" label={t.help} trigger={<IconButton label={t.help} icon={<CircleHelp size={16} aria-hidden />} />}>
          <Help without={barred} failed={failed} hidden={hidden} />
        </Popover>
      </div>
      {problems.length > 0 ? (
        <ul id={`${id}-wrong`} role="alert" className="text-xs text-danger">
          {problems.map((p) => (
            <li key={p.from} className="foreign"><code className="font-mono">{cut(draft.slice(p.from, p.to))}</code> {p.message}</li>
          ))}
        </ul>
      ) : dirty && <p id={`${id}-hint`} className="text-xs text-muted">{t.apply}</p>}
    </div>
  );
}

function cut(s: string): string {
  return s.length > 80 ? s.slice(0, 80) + "…" : s;
}

/** What is wrong with the filter of an address, if anything is. */
export function FilterProblems({ problems }: { problems: readonly string[] }) {
  if (problems.length === 0) return null;
  return (
    <Callout tone="warn">
      {t.inAddress}
      <ul className="list-disc pl-4">{problems.map((p) => <li key={p} className="foreign">{cut(p)}</li>)}</ul>
    </Callout>
  );
}

function Help({ without, failed, hidden }: { without: readonly Qualifier[]; failed: boolean; hidden: boolean }) {
  const about = failed ? { ...t.about, ...t.aboutFailed } : t.about;
  return (
    <div tabIndex={0} className="flex max-h-[70vh] w-[min(38rem,calc(100vw-3rem))] flex-col gap-3 overflow-y-auto text-sm">
      <p>{failed ? t.introFailed : t.intro}</p>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 max-sm:grid-cols-1">
        {t.rules.map(([example, rule]) => (
          <div key={example} className="contents"><dt className="font-mono text-xs leading-5">{example}</dt><dd className="text-muted">{rule}</dd></div>
        ))}
      </dl>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 border-t border-line pt-3 max-sm:grid-cols-1">
        {qualifiers.filter((q) => !without.includes(q)).map((q) => (
          <div key={q} className="contents">
            <dt className="font-mono text-xs leading-5">{t.example[q]}</dt>
            <dd className="text-muted max-sm:mb-1">{about[q]}</dd>
          </div>
        ))}
      </dl>
      {hidden && <p className="text-muted">{t.hidden}</p>}
    </div>
  );
}

/** The names of types, queues and transports that there are, asked for when they are first needed. */
function useNames(enabled: boolean): KnownValues {
  const types = useQuery({
    queryKey: ["types", "names"], enabled, staleTime: 60_000,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/types", { params: { query: { limit: 200 } }, signal })),
  });
  const queues = useQuery({
    queryKey: ["queues", "names"], enabled, staleTime: 60_000,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/queues", { params: { query: { limit: 200 } }, signal })),
  });
  return useMemo(() => ({
    type: withPatterns(types.data?.types.map((y) => y.type) ?? []),
    queue: [...new Set(queues.data?.queues.map((q) => q.queue))],
    transport: [...new Set(queues.data?.queues.map((q) => q.transport))],
  }), [types.data, queues.data]);
}
