import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { address, type Shape } from "../../api/client";
import { LiveConnection } from "../../live/connection";
import { useLive } from "../../live/live";

/**
 * Watches one message as long as active is true: what happens to it makes the page ask again, its progress is answered
 * as it comes. The stream is another connection, of which browsers have few: it is closed as soon as there is an end.
 */
export function useMessageEvents(id: string | undefined, active: boolean): Shape<"Progress"> | undefined {
  const client = useQueryClient();
  const { state } = useLive();
  const watching = active && id !== undefined && state !== "paused";
  const [progress, setProgress] = useState<{ id: string; told: Shape<"Progress"> }>();
  useEffect(() => {
    if (!watching) return;
    const stream = new LiveConnection(address(`/api/symphony/events?id=${encodeURIComponent(id)}`), address("/healthz"));
    const stop = stream.listen((e) => {
      if (e.type === "message.progress") setProgress({ id, told: e.data.progress as Shape<"Progress"> });
      else if (e.type.startsWith("message.")) void client.invalidateQueries({ queryKey: ["messages"] });
    });
    stream.start();
    return () => {
      stop();
      stream.stop();
    };
  }, [watching, id, client]);
  return progress?.id === id ? progress?.told : undefined;
}
