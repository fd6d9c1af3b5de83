import { isObject, writeJson, type Json } from "../../api/json";
import type { Whole } from "./load";

/** What dispatches a message: its type, the payload as text, and the options that differ from what is usual. */
export type Dispatch = { type: string; payload: string; metadata?: Json; options: { [name: string]: Json } };

// Longer payloads are read from a file in what is shown.
const mostInline = 4000;

/** What would dispatch a message like one that is there. What only it can have is left out: key, causation, times. */
export function dispatchOf(m: Whole, payload: string): Dispatch {
  const options: { [name: string]: Json } = { transport: m.transport, queue: m.queue };
  if (m.priority !== 5) options.priority = m.priority;
  const headers = isObject(m.headers) ? Object.fromEntries(Object.entries(m.headers).filter(([k]) => !/^(traceparent|tracestate|symphony-.*)$/i.test(k))) : {};
  if (Object.keys(headers).length > 0) options.headers = headers;
  for (const name of ["tags", "maxRetries", "retryDelay", "timeout", "retention", "url", "groupKey", "ordered", "concurrencyKey"] as const) {
    const value = m[name] as Json | undefined;
    // A failed message tells how many retries were allowed, and not whether it had asked for that.
    if (value === undefined || value === false || (name === "maxRetries" && m.status === "failed")) continue;
    options[name] = value;
  }
  for (const name of ["onSuccess", "onFailure"] as const) if (m[name]) options[name] = m[name] as unknown as Json;
  const metadata = isObject(m.message.metadata) && Object.keys(m.message.metadata).length > 0 ? m.message.metadata : undefined;
  return { type: m.message.type, payload, metadata, options };
}

/** The body of POST /dispatch. The payload is put in as it was written, digit by digit. indent is in spaces. */
export function bodyOf(d: Dispatch, indent = 0): string {
  const line = (depth: number) => (indent ? "\n" + " ".repeat(indent * depth) : "");
  const member = (depth: number, name: string, text: string) =>
    `${line(depth)}"${name}":${indent ? " " : ""}${indent ? text.replaceAll("\n", line(depth)) : text}`;
  const message = [member(2, "type", writeJson(d.type)), member(2, "payload", d.payload)];
  if (d.metadata !== undefined) message.push(member(2, "metadata", writeJson(d.metadata, indent || undefined)));
  const body = [`${line(1)}"message":${indent ? " " : ""}{${message.join(",")}${line(1)}}`];
  if (Object.keys(d.options).length > 0) body.push(member(1, "options", writeJson(d.options, indent || undefined)));
  return `{${body.join(",")}${line(0)}}`;
}

/** A text within single quotes of a shell. */
function shell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A text as a literal of Go: raw, where it can be. */
function goText(text: string): string {
  return /[`\r\ufeff]/.test(text) ? JSON.stringify(text) : "`" + text + "`";
}

function inFile(d: Dispatch): boolean {
  return d.payload.length > mostInline;
}

export function curl(d: Dispatch, server: string): string {
  const head = `curl -X POST ${shell(server + "api/symphony/dispatch")} \\\n  -H 'X-API-Key: YOUR_API_KEY' -H 'Content-Type: application/json' \\\n`;
  if (inFile(d)) return `# message.json has what is sent: ${bodyOf({ ...d, payload: "…" })}\n${head}  -d @message.json`;
  const body = bodyOf(d);
  return `${head}  -d ${shell(body.length > 80 ? bodyOf(d, 2) : body)}`;
}

export function go(d: Dispatch, server: string): string {
  const body = inFile(d) ? "body" : `[]byte(${goText(bodyOf(d, 2))})`;
  const read = inFile(d) ? `body, err := os.ReadFile("message.json")\nif err != nil {\n\treturn err\n}\n` : "";
  return `c, err := client.New(${JSON.stringify(server)}, "YOUR_API_KEY", client.Options{})
if err != nil {
	return err
}
${read}var request wire.DispatchRequest
if err := json.Unmarshal(${body}, &request); err != nil {
	return err
}
receipt, err := c.Dispatch(ctx, request)`;
}

export function typescript(d: Dispatch, server: string): string {
  // As text: a number of many digits would not survive as an object.
  const body = inFile(d) ? `await readFile("message.json", "utf8")` : "`" + bodyOf(d, 2).replace(/[\\`]|\$\{/g, "\\$&") + "`";
  return `const response = await fetch(${JSON.stringify(server + "api/symphony/dispatch")}, {
  method: "POST",
  headers: { "X-API-Key": "YOUR_API_KEY", "Content-Type": "application/json" },
  body: ${body},
});
if (!response.ok) throw new Error(await response.text());
const { messageId } = await response.json();`;
}
