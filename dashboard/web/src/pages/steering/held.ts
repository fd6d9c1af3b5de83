import type { Shape } from "../../api/client";
import { text } from "../../text";

const t = text.steering.hold;

/** A hold with the transport in which it is. */
export type PlacedHold = Shape<"PlacedHold">;

/** What can be held: a queue, the types of a pattern, or a whole transport. */
export type HoldTarget = { transport: string; queue?: string; type?: string };

/** What is held, for people. */
export function held(target: HoldTarget): string {
  return target.queue ? t.ofQueue(target.queue) : target.type ? t.ofType(target.type) : t.ofTransport(target.transport);
}
