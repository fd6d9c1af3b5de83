import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useId, useMemo, useRef, useState, type FormEvent } from "react";
import { answer, api } from "../../api/client";
import { ApiError, type Problem } from "../../api/errors";
import { writeJson, type Json } from "../../api/json";
import { usePermissions } from "../../api/session";
import { useZone } from "../../frame/preferences";
import { LargeJson } from "../../json/large";
import { schemaFor } from "../../schema/check";
import { exampleOf, formOf } from "../../schema/form";
import { typesQuery } from "../../schema/types";
import { one } from "../../search";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Segmented, TextField } from "../../ui/field";
import { Section } from "../../ui/page";
import { Callout, ErrorNote } from "../../ui/states";
import { CodeOf } from "../message/alike";
import { bodyOf } from "../message/code";
import { messageQuery } from "../message/load";
import { PayloadEditor, usePayloadFields } from "../message/retry";
import { fieldsLike, optionsOf, type OptionFields } from "./options";
import { OptionsForm } from "./options-form";
import { Recent } from "./recent";
import { SchemaForm } from "./schema-form";
import { Sent, type SentOne } from "./sent";

const t = text.send;
// What nobody has written yet is wrong in nothing.
const unwritten: Problem[] = [];

/** One message is written, as a form or as JSON, and sent. */
export function SendOne() {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const client = useQueryClient();
  const { can } = usePermissions();
  const zone = useZone();
  const list = useId();
  // What is typed shows at once; the address follows, and leads when somebody comes with another one.
  const [type, setTyped] = useState(one(search.type) ?? "");
  const followed = useRef(one(search.type));
  useEffect(() => {
    if (followed.current === one(search.type)) return;
    followed.current = one(search.type);
    setTyped(one(search.type) ?? "");
  }, [search.type]);
  const set = (more: Record<string, string | undefined>) => void navigate({ to: "/send", search: (now) => ({ ...now, ...more }), replace: true });
  const setType = (typed: string) => {
    setTyped(typed);
    followed.current = typed || undefined;
    set({ type: typed || undefined });
  };

  const types = useQuery({ ...typesQuery, enabled: can("observe") });
  const queues = useQuery({ queryKey: ["queues", "names"], queryFn: ({ signal }) => answer(api.GET("/api/symphony/queues", { params: { query: { limit: 200 } }, signal })), enabled: can("observe"), staleTime: 30_000 });
  const transports = useMemo(() => [...new Set(queues.data?.queues.map((q) => q.transport))], [queues.data]);
  const queueNames = useMemo(() => [...new Set(queues.data?.queues.map((q) => q.queue))], [queues.data]);
  const schema = schemaFor(types.data, type);
  const form = useMemo(() => formOf(schema), [schema]);

  // Until somebody writes, the payload is what the schema begins with.
  const [payload, setPayload] = useState<string>();
  const written = payload ?? writeJson(exampleOf(schema), 2);
  const [options, setOptions] = useState<OptionFields>({});
  const like = useLike(one(search.like), one(search.transport), (filled) => {
    setOptions(filled.options);
    if (filled.payload !== undefined) setPayload(filled.payload);
    setType(filled.type);
  });

  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [sent, setSent] = useState<SentOne[]>([]);
  const fields = usePayloadFields(type, written, error);
  const said = useMemo(() => optionsOf(options, zone), [options, zone]);
  const told = useMemo(() => [
    ...said.problems,
    ...(error instanceof ApiError ? error.problems.filter((p) => p.path.startsWith("options.")).map((p) => ({ ...p, path: p.path.slice("options.".length) })) : []),
  ], [said, error]);
  const dispatch = useMemo(() => ({ type, payload: written, options: said.options }), [type, written, said]);
  const refused = type === "" ? t.needsType : fields.refused ?? said.problems[0]?.message;

  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (busy || refused !== undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      const receipt = await answer(api.POST("/api/symphony/dispatch", { body: bodyOf(dispatch) as never }));
      setSent((before) => [{ type, receipt }, ...before].slice(0, 10));
      for (const key of ["messages", "counts", "queues", "types"]) void client.invalidateQueries({ queryKey: [key] });
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  const view = form && one(search.view) !== "json" ? "form" : "json";
  const known = types.data?.names.includes(type);
  return (
    <div className="grid min-w-0 grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1fr)_24rem] xl:grid-rows-[auto_1fr]">
      <form onSubmit={(e) => void submit(e)} className="flex min-w-0 flex-col gap-4" noValidate>
        {like}
        <div className="card flex min-w-0 flex-col gap-3 p-4">
          <TextField label={t.type} hint={type !== "" && types.data && !known ? t.unknownType : t.typeHint} list={list} required autoComplete="off" spellCheck={false} data-search maxLength={255}
            value={type} onChange={(e) => setType(e.target.value)} error={error instanceof ApiError ? error.problems.find((p) => p.path === "message.type")?.message : undefined} />
          <datalist id={list}>{types.data?.names.map((n) => <option key={n} value={n} />)}</datalist>
          {form && <div><Segmented label={t.view.label} value={view} options={[["form", t.view.form], ["json", t.view.json]]} onChange={(v) => set({ view: v === "json" ? "json" : undefined })} /></div>}
          {view === "form" && form ? (
            fields.checked.value ? <SchemaForm fields={form} value={fields.checked.value} onChange={(v) => setPayload(writeJson(v, 2))} problems={payload === undefined && error == null ? unwritten : fields.problems} />
              : <Callout tone="warn">{fields.checked.large ? t.formTooLarge : t.formNeedsJson}</Callout>
          ) : <PayloadEditor label={t.payload} value={written} onChange={setPayload} fields={fields} />}
        </div>
        <OptionsForm fields={options} onChange={setOptions} problems={told} transports={transports} queues={queueNames} />
        {error != null && <ErrorNote error={error} />}
        <div><Button type="submit" kind="primary" busy={busy} refused={refused}>{t.submit}</Button></div>
      </form>
      {/* On a phone it follows the button: what came of it is what somebody wants to see then. */}
      <div className="flex min-w-0 flex-col gap-4 xl:row-span-2">
        <Sent list={sent} />
        {known && can("read") && <Recent type={type} onUse={setPayload} />}
      </div>
      <Section title={t.code} bare><CodeOf dispatch={dispatch} /></Section>
    </div>
  );
}

/** Fills the page in from a message, once. What is answered says so. */
function useLike(id: string | undefined, transport: string | undefined, fill: (f: { type: string; payload?: string; options: OptionFields }) => void) {
  const query = useQuery({ ...messageQuery(id ?? "", transport ?? ""), enabled: id !== undefined && transport !== undefined });
  const filled = useRef<string>(undefined);
  const m = query.data;
  useEffect(() => {
    if (!m || filled.current === m.id) return;
    filled.current = m.id;
    const { payload } = m.message;
    const rest = { type: m.message.type, options: fieldsLike(m) };
    if (m.masked) fill(rest);
    else if (payload instanceof LargeJson) void payload.text().then((p) => fill({ ...rest, payload: p }), () => undefined);
    else fill({ ...rest, payload: writeJson(payload as Json, 2) });
  });
  if (id === undefined) return null;
  if (query.isError) return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  if (!m) return <p role="status" className="text-sm text-muted">{t.like.loading}</p>;
  return <Callout tone={m.masked ? "warn" : "info"}>{t.like.from} <code className="font-mono text-xs foreign">{m.id}</code>. {m.masked ? t.like.masked : t.like.keys}</Callout>;
}
