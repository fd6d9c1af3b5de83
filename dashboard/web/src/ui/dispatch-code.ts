import { writeJson } from "../api/json";

/** The languages in which a dispatch is shown. */
export type Language = "curl" | "go" | "ts";

/** The code that dispatches a message to a server. Options without a value are left out. */
export function dispatchCode(language: Language, url: string, type: string, payload: object, options: Record<string, string | undefined> = {}): string {
  const given = Object.entries(options).filter((o): o is [string, string] => o[1] !== undefined);
  const body = { message: { type, payload }, ...(given.length > 0 ? { options: Object.fromEntries(given) } : {}) };
  if (language === "curl") {
    const json = writeJson(body).replaceAll("'", "'\\''");
    return `curl ${url}/api/symphony/dispatch \\\n  -H 'Authorization: Bearer YOUR_API_KEY' \\\n  -H 'Content-Type: application/json' \\\n  -d '${json}'`;
  }
  if (language === "ts") {
    return [
      `const answer = await fetch("${url}/api/symphony/dispatch", {`,
      '  method: "POST",',
      '  headers: { Authorization: "Bearer YOUR_API_KEY", "Content-Type": "application/json" },',
      `  body: JSON.stringify(${writeJson(body, 2).replaceAll("\n", "\n  ")}),`,
      "});",
      "console.log(await answer.json());",
    ].join("\n");
  }
  const name = (n: string) => n.charAt(0).toUpperCase() + n.slice(1);
  return [
    ...given.map(([k, v]) => `${k} := ${goText(v)}`),
    `c, err := client.New("${url}", "YOUR_API_KEY", client.Options{})`,
    "if err != nil {",
    "\treturn err",
    "}",
    "answer, err := c.Dispatch(ctx, wire.DispatchRequest{",
    `\tMessage: wire.Message{Type: ${goText(type)}, Payload: jsontext.Value(${goText(writeJson(payload))})},`,
    ...(given.length > 0 ? [`\tOptions: wire.DispatchOptions{${given.map(([k]) => `${name(k)}: &${k}`).join(", ")}},`] : []),
    "})",
  ].join("\n");
}

/** A text as Go writes it. JSON's escapes are Go's but for those of half characters, which no name has. */
function goText(value: string): string {
  return /[`\n\r]/.test(value) || !value.includes('"') ? JSON.stringify(value) : `\`${value}\``;
}
