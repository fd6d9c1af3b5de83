import { useEffect, useState } from "react";
import { writeJson, type Json } from "../../api/json";
import { LargeJson, type Part } from "../../json/large";

/** A part as text to write in, which is there at once unless it is large. */
export function usePartText(part: Part | undefined): string | undefined {
  const [text, setText] = useState(() => (part instanceof LargeJson ? undefined : writeJson((part ?? {}) as Json, 2)));
  useEffect(() => {
    if (!(part instanceof LargeJson)) return;
    let gone = false;
    void part.text().then((t) => gone || setText(t), () => undefined);
    return () => void (gone = true);
    // What is written in stays, whatever is read again behind it.
    // eslint-disable-next-line
  }, []);
  return text;
}
