import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, List } from "lucide-react";
import { useEffect } from "react";
import { parseSearch } from "../../search";
import { text } from "../../text";
import { IconButton } from "../../ui/button";
import { inField } from "../../ui/in-field";
import { neighbourQuery, type Neighbour } from "./neighbours";

const t = text.message.neighbours;

/** Leads to the messages before and behind this one in the list that it was opened from, also by k and j. */
export function Beside({ id, list }: { id: string; list: string }) {
  const navigate = useNavigate();
  const previous = useQuery(neighbourQuery(id, list, "previous")).data ?? undefined;
  const next = useQuery(neighbourQuery(id, list, "next")).data ?? undefined;
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      const to = e.key === "j" ? next : e.key === "k" ? previous : undefined;
      if (!to || e.ctrlKey || e.metaKey || e.altKey || inField(e.target) || document.querySelector("dialog[open]")) return;
      e.preventDefault();
      go(to);
    };
    const go = (to: Neighbour) => void navigate({ to: "/messages/$id", params: { id: to.id }, search: { transport: to.transport, list } });
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
  const step = (to: Neighbour | undefined, label: string, icon: React.ReactNode) =>
    <IconButton label={label} icon={icon} kind="plain" disabled={!to} onClick={() => to && void navigate({ to: "/messages/$id", params: { id: to.id }, search: { transport: to.transport, list } })} />;
  return (
    <nav aria-label={t.label} className="flex items-center gap-1">
      <Link to="/messages" search={parseSearch(list)} className="inline-flex size-8 items-center justify-center rounded-md hover:bg-hover" aria-label={t.back} title={t.back}><List size={16} aria-hidden /></Link>
      {step(previous, t.previous, <ChevronLeft size={16} aria-hidden />)}
      {step(next, t.next, <ChevronRight size={16} aria-hidden />)}
    </nav>
  );
}
