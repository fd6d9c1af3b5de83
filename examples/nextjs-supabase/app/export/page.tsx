"use client";
import { useMessage } from "@symphony-messenger/react";
import { useState } from "react";
import { cancelExport, startExport } from "@/app/export/actions";

export default function ExportPage() {
  const [started, start] = useState<{ messageId: string; token: string }>();
  return (
    <main>
      <h1>Export</h1>
      <button onClick={async () => start(await startExport(400))}>Export 400 orders</button>
      {started ? <Export key={started.messageId} id={started.messageId} token={started.token} /> : null}
    </main>
  );
}

function Export({ id, token }: { id: string; token: string }) {
  const { status, fraction, message, ended, error } = useMessage<{ rows: number; csv: string }>(id, token);
  const csv = message?.output?.csv;
  return (
    <section aria-label="Your export">
      {error ? <p role="alert">{error.message}</p> : null}
      <p role="status">{status}{message?.progress?.text ? `: ${message.progress.text}` : ""}</p>
      <progress value={fraction ?? 0} aria-label="Progress" />
      {ended ? null : <button onClick={() => cancelExport(id)}>Cancel</button>}
      {csv ? (
        <p><a href={`data:text/csv,${encodeURIComponent(csv)}`} download="orders.csv">Download {message?.output?.rows} rows</a></p>
      ) : null}
    </section>
  );
}
