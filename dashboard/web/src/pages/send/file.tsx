import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { answer, api, type Shape } from "../../api/client";
import { usePermissions } from "../../api/session";
import { count } from "../../format/number";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { Code } from "../../ui/copy";
import { Checkbox, Field, Select, TextField } from "../../ui/field";
import { Figure, Section } from "../../ui/page";
import { Callout, ErrorNote, Loading } from "../../ui/states";
import { Table, type Column } from "../../ui/table";

const t = text.send.file;

type Format = "jsonl" | "csv";
type Result = Shape<"ImportResponse">;
type Problem = Shape<"ImportProblem"> & { n: number };

const shapes: Record<Format, string> = {
  jsonl: `{"message": {"type": "order.paid", "payload": {"order": 42}}}
{"message": {"type": "order.paid", "payload": {"order": 43}}, "queue": "slow", "priority": 7, "idempotencyKey": "order-43"}`,
  csv: `type,payload,queue,priority,idempotencyKey
order.paid,"{""order"": 42}",,,
order.paid,"{""order"": 43}",slow,7,order-43`,
};

/** The messages of a file are sent, after the whole of it was checked. */
export function SendFile() {
  const { may } = usePermissions();
  const client = useQueryClient();
  const [file, setFile] = useState<File>();
  const [format, setFormat] = useState<Format>("jsonl");
  const [transport, setTransport] = useState("");
  const [all, setAll] = useState(false);
  const [busy, setBusy] = useState<"check" | "send">();
  const [result, setResult] = useState<Result>();
  const [error, setError] = useState<unknown>();
  if (!may("operate")) return <p className="card p-4 text-sm text-muted">{text.shared.needsScope("operate")}</p>;

  const run = async (dry: boolean, of: File | undefined, as: Format, where: string, statuses: boolean) => {
    if (!of) return;
    setBusy(dry ? "check" : "send");
    setError(undefined);
    setResult(undefined);
    try {
      setResult(await answer(api.POST("/api/symphony/messages/import", {
        params: { query: { dryRun: dry || undefined, transport: where.trim() || undefined, status: statuses ? "all" : undefined } },
        headers: { "Content-Type": as === "csv" ? "text/csv" : "application/x-ndjson" },
        body: of as never,
      })));
      if (!dry) for (const key of ["messages", "counts", "queues", "types"]) void client.invalidateQueries({ queryKey: [key] });
    } catch (e) {
      setError(e);
    } finally {
      setBusy(undefined);
    }
  };
  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    setResult(undefined);
    setError(undefined);
    const as = chosen?.name.toLowerCase().endsWith(".csv") ? "csv" : "jsonl";
    if (chosen) setFormat(as);
    void run(true, chosen, as, transport, all);
  };
  const changed = () => setResult(undefined);
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <div className="card flex min-w-0 flex-col gap-3 p-4">
        <p className="text-sm text-muted">{t.lead}</p>
        <Field label={t.choose} hint={t.chooseHint}>{(tie) => <input {...tie} type="file" accept=".jsonl,.ndjson,.csv,.json,.txt" className="field w-full" onChange={(e) => choose(e.target.files?.[0])} />}</Field>
        <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
          <Select label={t.format} value={format} options={[["jsonl", t.jsonl], ["csv", t.csv]]} onChange={(e) => (setFormat(e.target.value as Format), changed())} />
          <TextField label={t.transport} hint={t.transportHint} value={transport} onChange={(e) => (setTransport(e.target.value), changed())} />
        </div>
        <Checkbox label={t.all} hint={t.allHint} checked={all} onChange={(e) => (setAll(e.target.checked), changed())} />
        <p className="text-xs text-muted">{t.twice}</p>
        {busy && <div><p role="status" className="text-sm text-muted">{busy === "check" ? t.checking : t.sending}</p><Loading lines={1} /></div>}
        {file && !busy && !(result && !result.dryRun) && (
          <div className="flex flex-wrap gap-2">
            {result?.dryRun
              ? <Button kind="primary" refused={result.imported > 0 ? undefined : t.nothing} onClick={() => void run(false, file, format, transport, all)}>{t.send(result.imported)}</Button>
              : null}
            <Button onClick={() => void run(true, file, format, transport, all)}>{t.again}</Button>
          </div>
        )}
        {error != null && <ErrorNote error={error} />}
      </div>
      {result && <Outcome result={result} />}
      <Section title={t.shape} bare><Code label={t.shape}>{shapes[format]}</Code></Section>
    </div>
  );
}

function Outcome({ result }: { result: Result }) {
  const columns: Column<Problem>[] = [
    { id: "line", name: t.line, align: "right", width: "6rem", phone: "title", cell: (p) => count(p.line) },
    { id: "path", name: t.path, width: "minmax(8rem,1fr)", cell: (p) => <code className="font-mono text-xs foreign">{p.path}</code> },
    { id: "problem", name: t.problem, width: "minmax(14rem,3fr)", cell: (p) => <span className="whitespace-normal foreign">{p.message}</span> },
  ];
  const rows = result.problems.map((p, n) => ({ ...p, n }));
  return (
    <>
      <Callout>{result.dryRun ? t.checked : <>{t.done} <Link to="/messages" className="link">{t.toMessages}</Link></>}</Callout>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Figure name={result.dryRun ? t.wouldImport : t.imported} value={count(result.imported)} />
        <Figure name={t.duplicates} value={count(result.duplicates)} />
        <Figure name={t.skipped} value={count(result.skipped)} />
        <Figure name={t.invalid} value={count(result.invalid)} tone={result.invalid > 0 ? "danger" : undefined} />
      </div>
      {rows.length > 0 && (
        <Section title={t.problems}>
          <Table label={t.problems} columns={columns} rows={rows} rowKey={(p) => String(p.n)} />
          {(result.problemsOmitted ?? 0) > 0 && <p className="p-3 text-xs text-muted">{t.more(result.problemsOmitted!)}</p>}
        </Section>
      )}
    </>
  );
}
