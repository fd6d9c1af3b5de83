import { useState } from "react";
import { Code } from "./copy";
import { Segmented } from "./field";

/** The same in several languages, one of which is shown. label names the choice, for those who hear it. */
export function Snippets({ label, list }: { label: string; list: readonly (readonly [name: string, code: string])[] }) {
  const [chosen, setChosen] = useState(list[0]![0]);
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div><Segmented label={label} value={chosen} options={list.map(([name]) => [name, name] as const)} onChange={setChosen} /></div>
      <Code label={`${label}: ${chosen}`}>{list.find(([name]) => name === chosen)![1]}</Code>
    </div>
  );
}
