import { Bookmark, Columns3, Download, Link2, Save, Trash2 } from "lucide-react";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { address } from "../../api/client";
import { usePermissions } from "../../api/session";
import { filterQuery, type Filter } from "../../filter";
import { stringifySearch, type Search } from "../../search";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { copyText } from "../../ui/copy";
import { FormDialog } from "../../ui/dialog";
import { TextField } from "../../ui/field";
import { Menu, MenuItem, MenuLabel, MenuSeparator, MenuToggle } from "../../ui/menu";
import { say } from "../../ui/toast";
import { columnIds } from "./columns";
import type { Order } from "./list";
import { builtinViews, readViews, removeView, saveView, searchOfView } from "./views";

const t = text.messages;

/** Chooses which columns are shown; paths of metadata that were seen are offered too. */
export function ColumnsMenu({ ids, seen, onChange }: { ids: string[]; seen: string[]; onChange: (ids: string[] | undefined) => void }) {
  const metadata = [...new Set([...ids.filter((id) => id.startsWith("metadata.")), ...seen])].slice(0, 30);
  const set = (id: string, on: boolean) => {
    if (!on) return ids.length > 1 && onChange(ids.filter((i) => i !== id));
    const all = [...columnIds, ...metadata];
    onChange([...ids, id].sort((a, b) => all.indexOf(a) - all.indexOf(b)));
  };
  return (
    <Menu trigger={<Button icon={<Columns3 size={14} aria-hidden />}>{t.columns}</Button>}>
      {columnIds.map((id) => (
        <MenuToggle key={id} checked={ids.includes(id)} onChange={(on) => set(id, on)}>{t.column[id as keyof typeof t.column]}</MenuToggle>
      ))}
      {metadata.length > 0 && <MenuLabel>{t.ofMetadata}</MenuLabel>}
      {metadata.map((id) => (
        <MenuToggle key={id} checked={ids.includes(id)} onChange={(on) => set(id, on)}><span className="font-mono text-xs foreign">{id.slice("metadata.".length)}</span></MenuToggle>
      ))}
      <MenuSeparator />
      <MenuItem onSelect={() => onChange(undefined)}>{t.usualColumns}</MenuItem>
    </Menu>
  );
}

/** Goes to views that were saved, or come with the page; saves and shares the one that is shown. */
export function ViewsMenu({ search }: { search: Search }) {
  const navigate = useNavigate();
  const [views, setViews] = useState(readViews);
  const [saving, setSaving] = useState(false);
  const go = (s: Search) => void navigate({ to: "/messages", search: s });
  const v = t.views;
  return (
    <>
      <Menu trigger={<Button icon={<Bookmark size={14} aria-hidden />}>{v.label}</Button>}>
        {views.length > 0 && <MenuLabel>{v.saved}</MenuLabel>}
        {views.map((view) => (
          <MenuItem key={view.name} onSelect={() => go(searchOfView(view))}><span className="max-w-60 truncate foreign">{view.name}</span></MenuItem>
        ))}
        <MenuLabel>{v.ready}</MenuLabel>
        {Object.entries(builtinViews).map(([id, s]) => (
          <MenuItem key={id} onSelect={() => go(s as unknown as Search)}>{v.builtin[id as keyof typeof v.builtin]}</MenuItem>
        ))}
        <MenuSeparator />
        <MenuItem icon={<Save size={14} aria-hidden />} onSelect={() => setSaving(true)}>{v.save}</MenuItem>
        <MenuItem icon={<Link2 size={14} aria-hidden />} onSelect={() => void copyText(location.href).then((ok) => say(ok ? v.copied : v.notCopied, ok ? "done" : "danger"))}>{v.share}</MenuItem>
        {views.length > 0 && <MenuSeparator />}
        {views.map((view) => (
          <MenuItem
            key={view.name} danger icon={<Trash2 size={14} aria-hidden />}
            onSelect={() => {
              removeView(view.name);
              setViews(readViews());
              say(v.removed(view.name));
            }}
          >
            <span className="max-w-60 truncate foreign">{v.remove(view.name)}</span>
          </MenuItem>
        ))}
      </Menu>
      {saving && <SaveView search={search} taken={views.map((x) => x.name)} onClose={() => setSaving(false)} onSaved={() => setViews(readViews())} />}
    </>
  );
}

function SaveView({ search, taken, onClose, onSaved }: { search: Search; taken: string[]; onClose: () => void; onSaved: () => void }) {
  const [name, setName] = useState("");
  const trimmed = name.trim();
  return (
    <FormDialog
      title={t.views.title} submit={text.shared.save} onClose={onClose} refused={trimmed === "" ? t.views.name : undefined}
      onSubmit={() => {
        if (!saveView(trimmed, search)) say(text.shared.failed, "danger");
        else say(t.views.done(trimmed));
        onSaved();
        onClose();
      }}
    >
      <TextField label={t.views.name} value={name} maxLength={100} autoFocus hint={taken.includes(trimmed) ? t.views.taken : t.views.hint} onChange={(e) => setName(e.target.value)} />
    </FormDialog>
  );
}

/** Downloads all that match, in the order of the list. */
export function ExportMenu({ filter, order }: { filter: Filter; order: Order }) {
  const { can } = usePermissions();
  const x = t.export;
  if (!can("read")) return <Button icon={<Download size={14} aria-hidden />} refused={text.shared.needsScope("read")}>{x.label}</Button>;
  const get = (format: "jsonl" | "csv", unmask: boolean) => () => {
    const { metadata, ...query } = filterQuery(filter, Date.now()) as Record<string, unknown>;
    const link = document.createElement("a");
    link.href = address("/api/symphony/messages/export") + stringifySearch({ ...query, ...(metadata as object | undefined), sort: order, format, unmask: unmask || undefined });
    link.download = "";
    link.click();
  };
  return (
    <Menu trigger={<Button icon={<Download size={14} aria-hidden />}>{x.label}</Button>}>
      <MenuLabel>{x.hint}</MenuLabel>
      <MenuItem onSelect={get("jsonl", false)}>{x.jsonl}</MenuItem>
      <MenuItem onSelect={get("csv", false)}>{x.csv}</MenuItem>
      {can("admin") && (
        <>
          <MenuLabel>{x.unmasked}</MenuLabel>
          <MenuItem onSelect={get("jsonl", true)}>{x.jsonlUnmasked}</MenuItem>
          <MenuItem onSelect={get("csv", true)}>{x.csvUnmasked}</MenuItem>
        </>
      )}
    </Menu>
  );
}
