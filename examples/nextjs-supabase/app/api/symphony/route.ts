import { setTimeout as pause } from "node:timers/promises";
import { permanent, retryAfter, serve } from "@symphony-messenger/client";
import { BankBusy, charge, NoSuchOrder } from "@/lib/bank";
import { mailsTo, send } from "@/lib/outbox";
import { symphony } from "@/lib/symphony";

export const maxDuration = 60;

// validate: users dispatch with their own rights, so what comes is looked at again.
export const { GET, POST } = serve(symphony, {
  "mail.*": async (m, ctx) => {
    // One for each address, whoever has it dispatched: nobody can have strangers flooded.
    if (mailsTo(m.payload.to).length > 0) return;
    await send(m.id, { to: m.payload.to, subject: "Welcome to the shop", attempt: ctx.attempt });
  },

  "order.paid": async (m, ctx) => {
    ctx.log("charging order", m.payload.order, "attempt", ctx.attempt);
    try {
      return { charged: await charge(m.id, m.payload.order) };
    } catch (e) {
      if (e instanceof NoSuchOrder) throw permanent(e); // a dead letter, without retries
      if (e instanceof BankBusy) throw retryAfter(e, "30s");
      throw e; // tried again, with backoff
    }
  },

  "export.requested": async (m, ctx) => {
    const { rows } = m.payload;
    const lines = ["order,cents"];
    for (let row = 1; row <= rows; row++) {
      lines.push(`${row},${row * 100}`);
      if (row % 25 === 0 || row === rows) {
        await ctx.progress(row, rows, `${row} of ${rows} rows`);
        await pause(300, undefined, { signal: ctx.signal }); // as slow as a database; ends when it is cancelled
      }
    }
    return { rows, csv: lines.join("\n") };
  },
}, { validate: true });
