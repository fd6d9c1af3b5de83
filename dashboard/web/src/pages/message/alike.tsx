import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { root } from "../../api/client";
import { writeJson, type Json } from "../../api/json";
import { LargeJson } from "../../json/large";
import { text } from "../../text";
import { Section } from "../../ui/page";
import { Snippets } from "../../ui/snippets";
import { curl, dispatchOf, go, typescript, type Dispatch } from "./code";
import type { Whole } from "./load";

const t = text.message.code;

/** The server's address, as programs are told it. */
export const server = new URL(root(), location.href).href;

/** The code that would dispatch a message, in three languages. */
export function CodeOf({ dispatch }: { dispatch: Dispatch }) {
  const list = useMemo(() => [[t.curl, curl(dispatch, server)], [t.go, go(dispatch, server)], [t.typescript, typescript(dispatch, server)]] as const, [dispatch]);
  return <Snippets label={t.label} list={list} />;
}

/** The code that would dispatch a message like this one. */
export function Alike({ m }: { m: Whole }) {
  const payload = useQuery({
    queryKey: ["messages", "text", m.transport, m.id],
    // Only the beginning is shown: code reads a long payload from a file.
    queryFn: () => (m.message.payload as LargeJson).text(0, 5000),
    enabled: m.message.payload instanceof LargeJson,
  });
  const written = m.message.payload instanceof LargeJson ? payload.data : writeJson(m.message.payload as Json);
  const dispatch = useMemo(() => (written === undefined ? undefined : dispatchOf(m, written)), [m, written]);
  return <Section title={t.title} bare>{dispatch && <CodeOf dispatch={dispatch} />}</Section>;
}
