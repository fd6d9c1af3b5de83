import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import type { Shape } from "../api/client";
import { keysQuery } from "../api/keys";
import { usePermissions, useSession } from "../api/session";
import { useRefetch } from "../live/live";
import { one, type Search } from "../search";
import { text } from "../text";
import { Button } from "../ui/button";
import { Segmented } from "../ui/field";
import { Page } from "../ui/page";
import { Empty, ErrorNote, Loading } from "../ui/states";
import { Badge } from "../ui/status";
import { Table, type Column } from "../ui/table";
import { Time, useNow } from "../ui/time";
import { Typed } from "../ui/typed";
import { CreateKey } from "./keys/create";
import { RevokeKey } from "./keys/revoke";

const t = text.keys;
type Key = Shape<"Key">;

/** API keys: which there are, what they open, when they were used; makes and revokes them. */
export default function Keys() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const session = useSession();
  const { may } = usePermissions();
  const now = useNow();
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Key>();
  const all = one(search.show) === "all";
  const q = one(search.q);
  const every = useRefetch("by events");
  const put = (part: Search) => void navigate({ to: ".", search: (s: Search) => ({ ...s, ...part }), replace: true, resetScroll: false });
  const list = useQuery({ ...keysQuery, refetchInterval: every });
  const stateOf = (k: Key) => (k.revokedAt ? "revoked" : k.expiresAt && Date.parse(k.expiresAt) <= now ? "expired" : "active");
  const needle = q?.toLowerCase();
  // Newest first: it is the one somebody has just made.
  const rows = (list.data?.keys ?? []).filter((k) => (all || stateOf(k) === "active") && (!needle || `${k.name}\n${k.id}\n${k.prefix}`.toLowerCase().includes(needle))).reverse();

  const columns: Column<Key>[] = [
    {
      id: "name", name: t.columns.name, width: "minmax(11rem,2fr)", phone: "title",
      cell: (k) => (
        <span className="flex min-w-0 flex-col">
          <span className="truncate font-medium foreign" title={k.name}>{k.name}</span>
          <span className="truncate font-mono text-xs text-muted">{k.prefix}…{k.unreadable && ` ${t.unreadable}`}</span>
          {k.id === session.caller.id && <span><Badge tone="accent">{t.you}</Badge></span>}
        </span>
      ),
    },
    { id: "scopes", name: t.columns.scopes, width: "minmax(11rem,2fr)", cell: (k) => <Opens apiKey={k} /> },
    { id: "created", name: t.columns.created, width: "8rem", cell: (k) => <Time at={k.createdAt} /> },
    { id: "used", name: t.columns.used, width: "8rem", cell: (k) => (k.lastUsedAt ? <Time at={k.lastUsedAt} /> : <span className="text-muted">{t.never}</span>) },
    { id: "expires", name: t.columns.expires, width: "8rem", cell: (k) => (k.expiresAt ? <Time at={k.expiresAt} ahead /> : <span className="text-muted">{t.never}</span>) },
    {
      id: "state", name: t.columns.state, width: "8rem",
      cell: (k) => <span className="flex flex-col items-start gap-0.5"><Badge tone={stateOf(k) === "active" ? "good" : "plain"}>{t.states[stateOf(k)]}</Badge>{k.revokedAt && <span className="text-xs text-muted"><Time at={k.revokedAt} /></span>}</span>,
    },
    ...(may("admin") ? [{ id: "actions", name: t.columns.actions, width: "7rem", cell: (k: Key) => (k.revokedAt ? null : <Button kind="danger" onClick={() => setRevoking(k)}>{t.revoke}</Button>) }] : []),
  ];
  return (
    <Page
      title={t.title} lead={t.lead}
      actions={may("admin") && <Button kind="primary" icon={<Plus size={14} aria-hidden />} onClick={() => setCreating(true)}>{t.create}</Button>}
    >
      <div className="flex flex-wrap items-center gap-2">
        <Segmented label={t.show} value={all ? "all" : "active"} options={[["active", t.active], ["all", t.all]]} onChange={(v) => put({ show: v === "all" ? v : undefined })} />
        <Typed label={t.search} value={q} onChange={(v) => put({ q: v })} className="min-w-56 flex-1" search />
      </div>
      {list.error && <ErrorNote error={list.error} retry={() => void list.refetch()} />}
      <div className="card min-w-0">
        {list.isPending ? !list.error && <Loading lines={5} /> : rows.length > 0 ? <Table label={t.table} columns={columns} rows={rows} rowKey={(k) => k.id} />
          : list.data?.keys.length ? <Empty title={t.none} /> : <Empty title={t.noKeys}>{t.noKeysText}{may("admin") && <div><Button onClick={() => setCreating(true)}>{t.create}</Button></div>}</Empty>}
      </div>
      {creating && <CreateKey onClose={() => setCreating(false)} />}
      {revoking && <RevokeKey id={revoking.id} name={revoking.name} lastUsedAt={revoking.lastUsedAt} own={revoking.id === session.caller.id} onClose={() => setRevoking(undefined)} />}
    </Page>
  );
}

/** What a key opens: its scopes, and which types and queues it is bound to. */
function Opens({ apiKey: k }: { apiKey: Key }) {
  const bound = [[t.bound.types, k.types], [t.bound.queues, k.queues]] as const;
  return (
    <span className="flex min-w-0 flex-col gap-0.5 max-sm:items-end">
      <span className="flex flex-wrap gap-1 max-sm:justify-end">{k.scopes.map((s) => <Badge key={s} tone={s === "admin" ? "warn" : "plain"}>{s}</Badge>)}</span>
      {bound.map(([name, list]) => list && list.length > 0 && <span key={name} className="max-w-full truncate text-xs text-muted" title={list.join("\n")}>{name}: <span className="foreign">{list.join(", ")}</span></span>)}
    </span>
  );
}
