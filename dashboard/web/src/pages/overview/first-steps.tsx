import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { answer, api } from "../../api/client";
import { usePermissions } from "../../api/session";
import { useRefetch } from "../../live/live";
import { text } from "../../text";
import { Button } from "../../ui/button";
import { FirstDispatch } from "../../ui/first-dispatch";
import { StatusBadge } from "../../ui/status";
import { Time } from "../../ui/time";

const t = text.overview.first;

/** Teaches how the first message is dispatched, and shows it as it arrives and is handled. */
export function FirstSteps({ onDone }: { onDone: () => void }) {
  const { may } = usePermissions();
  const refetchInterval = useRefetch("by nobody", 1000);
  const { data } = useQuery({
    queryKey: ["messages", "first"], refetchInterval,
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/messages", { params: { query: { sort: "createdAt", limit: 1 } }, signal })),
  });
  const first = data?.messages[0];
  return (
    <section className="card flex max-w-3xl flex-col gap-3 p-4">
      <h2 className="text-lg font-semibold">{t.title}</h2>
      <p>{t.lead}</p>
      <FirstDispatch />
      <p className="text-xs text-muted">{t.demo}{may("dispatch") && <> <Link to="/send" className="link">{t.send}</Link></>}</p>
      <div role="status" className="rounded-md border border-line bg-sunken p-3">
        {!first ? <p className="text-muted">{t.waits}</p> : (
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <span className="inline-flex items-center gap-1.5 font-semibold text-completed"><CircleCheck size={16} aria-hidden />{t.arrived}</span>
            <Link to="/messages/$id" params={{ id: first.id }} search={{ transport: first.transport }} className="link foreign">{first.message.type}</Link>
            <StatusBadge status={first.status} />
            <Time at={first.createdAt} className="text-muted" />
            <Button kind="primary" onClick={onDone}>{t.go}</Button>
          </div>
        )}
      </div>
    </section>
  );
}
