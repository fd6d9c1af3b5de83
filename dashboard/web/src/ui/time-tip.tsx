import { useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { useZone } from "../frame/preferences";
import { absolute, zoneName } from "../format/time";

const before = 400; // milliseconds that the pointer rests on a time
const after = 150; // milliseconds in which it may go on to the tip, to select what it says

/** A time as it is written out: 2026-11-29 16:44:40.123 CET. */
export function written(at: string, zone: string | undefined): string {
  return `${absolute(at, zone, true)} ${zoneName(zone, new Date(at))}`;
}

/**
 * Shows the whole of the relative time on which the pointer rests, such as 2026-11-29 16:44:40.123 CET; until it leaves,
 * the page is scrolled, or Escape is pressed. One for the whole page: with a tooltip for each time, a row of a long list
 * took nearly twice the time.
 */
export function TimeTip() {
  const zone = useZone();
  const id = useId();
  const tip = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<HTMLTimeElement>();
  useEffect(() => {
    let timer: number | undefined;
    let under: HTMLTimeElement | undefined;
    const then = (ms: number, show: HTMLTimeElement | undefined) => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setAt(show?.isConnected ? show : undefined), ms);
    };
    const over = (e: PointerEvent) => {
      if (e.pointerType === "touch" || !(e.target instanceof Element)) return;
      if (tip.current?.contains(e.target)) return window.clearTimeout(timer);
      const time = e.target.closest<HTMLTimeElement>("time[data-relative]") ?? undefined;
      if (time === under && time) return;
      if (time || under || tip.current) then(time ? before : after, time);
      under = time;
    };
    const close = () => {
      window.clearTimeout(timer);
      under = undefined;
      setAt(undefined);
    };
    // Escape closes the tip and nothing else, such as the dialog in which it is.
    const press = (e: KeyboardEvent) => {
      if (e.key === "Escape" && tip.current) {
        e.preventDefault();
        e.stopPropagation();
      }
      close();
    };
    document.addEventListener("pointerover", over, { passive: true });
    document.documentElement.addEventListener("pointerleave", close);
    document.addEventListener("pointerdown", close, { passive: true });
    document.addEventListener("scroll", close, { capture: true, passive: true });
    document.addEventListener("keydown", press, { capture: true });
    return () => {
      window.clearTimeout(timer);
      document.removeEventListener("pointerover", over);
      document.documentElement.removeEventListener("pointerleave", close);
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("scroll", close, { capture: true });
      document.removeEventListener("keydown", press, { capture: true });
    };
  }, []);
  useLayoutEffect(() => {
    const box = tip.current;
    if (!at || !box) return;
    const [place, size] = [at.getBoundingClientRect(), box.getBoundingClientRect()];
    const left = place.left + place.width / 2 - size.width / 2;
    box.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - size.width - 8))}px`;
    box.style.top = `${place.top >= size.height + 12 ? place.top - size.height - 4 : place.bottom + 4}px`;
    at.setAttribute("aria-describedby", id);
    return () => at.removeAttribute("aria-describedby");
  }, [at, id]);
  if (!at) return null;
  // Above a dialog of the browser's own is only what is in it; else it is in the part of the page that the time is in.
  return createPortal(
    <div ref={tip} id={id} role="tooltip" className="fixed top-0 left-0 z-50 w-max max-w-80 rounded-md bg-text px-2 py-1 text-xs text-bg tabular">
      {written(at.dateTime, zone)}
    </div>,
    at.closest("dialog, main") ?? document.body,
  );
}
