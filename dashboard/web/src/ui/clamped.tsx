import { useLayoutEffect, useRef, useState } from "react";
import { text } from "../text";

/** What others have written, of which the first lines are shown until somebody asks for the rest. */
export function Clamped({ text: written }: { text: string }) {
  const box = useRef<HTMLParagraphElement>(null);
  const [cut, setCut] = useState(false);
  const [all, setAll] = useState(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setCut(element.scrollHeight > element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, [written]);
  return (
    <>
      <p ref={box} className={`whitespace-pre-wrap foreign ${all ? "" : "line-clamp-3"}`}>{written}</p>
      {(cut || all) && <button type="button" aria-expanded={all} onClick={() => setAll(!all)} className="link text-xs">{all ? text.shared.less : text.shared.whole}</button>}
    </>
  );
}
