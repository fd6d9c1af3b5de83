import "server-only"; // the API key is for the server alone
import { createClient, defineMessages } from "@symphony-messenger/client";
import { z } from "zod";

export const messages = defineMessages({
  "mail.welcome": z.object({ to: z.email() }),
  "order.paid": {
    payload: z.object({ order: z.number() }),
    output: z.object({ charged: z.number() }), // in cents
  },
  "export.requested": {
    payload: z.object({ rows: z.int().min(1).max(1000) }),
    output: z.object({ rows: z.number(), csv: z.string() }),
  },
});

export const symphony = createClient({ messages }); // SYMPHONY_URL, SYMPHONY_API_KEY
