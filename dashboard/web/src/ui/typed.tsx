import { Search as SearchIcon } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";

/** A field whose value goes into the address a moment after the last key. */
export function Typed({ label, value = "", onChange, search, className = "", placeholder, offers }: {
  label: string; value?: string; onChange: (v: string | undefined) => void; className?: string; placeholder?: string;
  /** The key / goes here. */
  search?: boolean;
  /** Values to choose from; others can be typed. */
  offers?: readonly string[];
}) {
  const id = useId();
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    // It was changed by other means, such as the way back.
    if (value !== told.current) setTyped(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (typed.trim() === told.current) return;
    const timer = window.setTimeout(() => {
      told.current = typed.trim();
      onChange(typed.trim() || undefined);
    }, 350);
    return () => window.clearTimeout(timer);
    // eslint-disable-next-line
  }, [typed]);
  return (
    <span className={`relative inline-flex ${className}`}>
      {search && <SearchIcon size={14} aria-hidden className="pointer-events-none absolute top-2.5 left-2 text-muted" />}
      <input type="search" aria-label={label} placeholder={placeholder ?? label} value={typed} spellCheck={false} data-search={search || undefined} list={offers && id}
        onChange={(e) => setTyped(e.target.value)} className={`field w-full ${search ? "pl-7" : ""}`} />
      {offers && <datalist id={id}>{offers.map((o) => <option key={o} value={o} />)}</datalist>}
    </span>
  );
}
