import { createClient, defineMessages } from '@symphony-messenger/client';
import { z } from 'zod';
export const order = z.object({ order: z.number().int().positive(), email: z.email() });
export const messages = defineMessages({
    'order.paid': { payload: order, output: z.object({ notified: z.boolean() }) },
    'partner.notify': { payload: z.object({ order: z.number() }), output: z.object({ status: z.number() }) },
});
/** The queue of the worker. The server leaves it alone, see symphony.yaml. */
export const partnerQueue = 'partner';
export const symphony = createClient({ messages }); // SYMPHONY_URL, SYMPHONY_API_KEY: read at the first call
