import { useState } from "react";
import { root } from "../api/client";
import { text } from "../text";
import { Code } from "./copy";
import { Segmented } from "./field";

const t = text.shared.samples;
type Language = "curl" | "go" | "ts";

/** How to dispatch a message from a shell, Go and TypeScript, to the server that serves the page. */
export function FirstDispatch({ type = "demo.hello", queue, transport }: { type?: string; queue?: string; transport?: string }) {
  const [language, setLanguage] = useState<Language>("curl");
  const server = location.origin + root();
  const options = Object.entries({ transport, queue }).filter((o): o is [string, string] => o[1] !== undefined);
  const message = { message: { type, payload: { name: "Ada" } }, ...(options.length > 0 && { options: Object.fromEntries(options) }) };
  const fields = options.map(([name]) => `${name.charAt(0).toUpperCase()}${name.slice(1)}: &${name}`).join(", ");
  const samples: Record<Language, string> = {
    curl: `curl -X POST ${server}api/symphony/dispatch \\
  -H 'X-API-Key: YOUR_API_KEY' \\
  -H 'Content-Type: application/json' \\
  -d '${JSON.stringify(message).replaceAll("'", "'\\''")}'`,
    go: `${options.map(([name, value]) => `${name} := ${JSON.stringify(value)}\n`).join("")}c, err := client.New(${JSON.stringify(server)}, "YOUR_API_KEY", client.Options{})
if err != nil {
	return err
}
receipt, err := c.Dispatch(ctx, wire.DispatchRequest{
	Message: wire.Message{Type: ${JSON.stringify(type)}, Payload: []byte(\`{"name": "Ada"}\`)},${fields === "" ? "" : `
	Options: wire.DispatchOptions{${fields}},`}
})`,
    ts: `const response = await fetch(${JSON.stringify(server + "api/symphony/dispatch")}, {
  method: "POST",
  headers: { "X-API-Key": "YOUR_API_KEY", "Content-Type": "application/json" },
  body: JSON.stringify(${JSON.stringify(message, null, 2).replaceAll("\n", "\n  ")}),
});
if (!response.ok) throw new Error(await response.text());`,
  };
  return (
    <div className="flex min-w-0 flex-col items-start gap-2 text-text">
      <Segmented label={t.label} value={language} options={[["curl", "curl"], ["go", "Go"], ["ts", "TypeScript"]]} onChange={setLanguage} />
      <div className="w-full min-w-0"><Code label={t.copy}>{samples[language]}</Code></div>
    </div>
  );
}
