import { useState } from "react";
import { root } from "../api/client";
import { text } from "../text";
import { dispatchCode, type Language } from "./dispatch-code";
import { Code } from "./copy";
import { Segmented } from "./field";

/** How a message is dispatched to this server, in the language of whoever reads it. */
export function DispatchExample({ type = "mail.welcome", queue, transport, payload = { to: "ada@example.com" } }: {
  type?: string; queue?: string; transport?: string; payload?: Record<string, string | number>;
}) {
  const [language, setLanguage] = useState<Language>("curl");
  const url = location.origin + root.replace(/\/$/, "");
  const options = { transport: transport === "default" ? undefined : transport, queue: queue === "default" ? undefined : queue };
  return (
    <div className="flex min-w-0 flex-col gap-2 text-text">
      <div><Segmented label={text.shared.language} value={language} options={[["curl", "curl"], ["go", "Go"], ["ts", "TypeScript"]]} onChange={setLanguage} /></div>
      <Code>{dispatchCode(language, url, type, payload, options)}</Code>
      <p className="text-xs text-muted">{text.shared.keyPlaceholder}</p>
    </div>
  );
}
