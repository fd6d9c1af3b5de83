import { address } from "../../api/client";
import { text } from "../../text";
import { Code } from "../../ui/copy";
import { Empty } from "../../ui/states";

const t = text.failed.none;

/** Teaches how a message comes here. */
export function FirstFailure() {
  const url = location.origin + address("/api/symphony/dispatch");
  return (
    <Empty title={t.title}>
      <p>{t.text}</p>
      <Code label="curl">{`curl -X POST ${url} \\
  -H 'Authorization: Bearer YOUR_API_KEY' -H 'Content-Type: application/json' \\
  -d '{"message": {"type": "nobody.knows", "payload": {"order": 42}}}'`}</Code>
      <Code label="Go">{`c, err := client.New("${location.origin}", client.Options{APIKey: "YOUR_API_KEY"})
receipt, err := c.Dispatch(ctx, wire.DispatchRequest{…})`}</Code>
      <Code label="TypeScript">{`await fetch("${url}", {
  method: "POST",
  headers: { Authorization: "Bearer YOUR_API_KEY", "Content-Type": "application/json" },
  body: JSON.stringify({ message: { type: "nobody.knows", payload: { order: 42 } } }),
});`}</Code>
      <p>{t.after}</p>
    </Empty>
  );
}
