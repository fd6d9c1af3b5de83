import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Layers, Mail, Shapes } from "lucide-react";
import { useState, type ReactNode } from "react";
import { queuesQuery, typesQuery } from "../api/names";
import { usePermissions } from "../api/session";
import { text } from "../text";
import { Dialog } from "../ui/dialog";
import { useOpenPages } from "./pages";

const t = text.frame.palette;
const looksLikeID = /^[0-9a-f]{8}-?[0-9a-f-]{8,}$/i;

/** Goes to a page, a message by its id, a queue or a type, by a few letters. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const enabled = usePermissions().can("observe");
  const pages = useOpenPages().flatMap((g) => g.pages);
  const [query, setQuery] = useState("");
  const queues = useQuery({ ...queuesQuery, enabled });
  const types = useQuery({ ...typesQuery, enabled });
  const go = (to: string, search?: Record<string, string>) => () => {
    onClose();
    void navigate({ to, search });
  };
  const id = query.trim();
  return (
    <Dialog title={t.title} onClose={onClose}>
      <Command label={t.title} className="flex flex-col gap-2">
        <Command.Input autoFocus value={query} onValueChange={setQuery} placeholder={t.placeholder} className="field w-full" />
        <Command.List className="max-h-[60vh] overflow-y-auto">
          <Command.Empty className="p-2 text-muted">{t.none}</Command.Empty>
          {enabled && looksLikeID.test(id) && (
            <Group name={t.message}>
              <Item value={id} icon={<Mail size={14} aria-hidden />} onSelect={go(`/messages/${encodeURIComponent(id)}`)}>{t.open_message(id)}</Item>
            </Group>
          )}
          <Group name={t.pages}>
            {pages.map((p) => (
              <Item key={p.to} value={`page ${p.name}`} icon={<p.icon size={14} aria-hidden />} onSelect={go(p.to)}>{p.name}</Item>
            ))}
          </Group>
          {queues.data && queues.data.rows.length > 0 && (
            <Group name={t.queues}>
              {queues.data.rows.map((q) => (
                <Item key={`${q.transport}/${q.queue}`} value={`queue ${q.transport}/${q.queue}`} icon={<Layers size={14} aria-hidden />}
                  onSelect={go("/queue", { transport: q.transport, queue: q.queue })}>
                  {q.queue} <span className="text-muted">{q.transport}</span>
                </Item>
              ))}
            </Group>
          )}
          {types.data && types.data.rows.length > 0 && (
            <Group name={t.types}>
              {types.data.rows.map((y) => (
                <Item key={y.type} value={`type ${y.type}`} icon={<Shapes size={14} aria-hidden />} onSelect={go("/type", { type: y.type })}>{y.type}</Item>
              ))}
            </Group>
          )}
        </Command.List>
      </Command>
    </Dialog>
  );
}

function Group({ name, children }: { name: string; children: ReactNode }) {
  return <Command.Group heading={<span className="px-2 text-xs text-muted">{name}</span>} className="pb-2">{children}</Command.Group>;
}

function Item({ value, icon, onSelect, children }: { value: string; icon: ReactNode; onSelect: () => void; children: ReactNode }) {
  return (
    <Command.Item value={value} onSelect={onSelect} className="flex min-h-8 cursor-pointer items-center gap-2 rounded px-2 text-sm data-[selected=true]:bg-hover">
      {icon}<span className="min-w-0 truncate foreign">{children}</span>
    </Command.Item>
  );
}
