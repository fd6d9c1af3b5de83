"use server";
import { MessageFailedError } from "@symphony-messenger/client";
import { user } from "@/lib/supabase";
import { symphony } from "@/lib/symphony";

async function signedIn() {
  if (!(await user())) throw new Error("sign in first");
}

/** Has order 42 paid in a quarter of an hour, once, however often it is called. */
export async function payLater(): Promise<{ messageId: string; duplicate: boolean }> {
  await signedIn();
  const receipt = await symphony.dispatch("order.paid", { order: 42 }, { idempotencyKey: "order-42", delay: "15m" });
  return { messageId: receipt.messageId, duplicate: receipt.duplicate ?? false };
}

/** Changes somebody's mind about order 42. */
export async function cancelLater(): Promise<string> {
  await signedIn();
  const { messageId } = await payLater();
  return (await symphony.cancel(messageId, { reason: "he thought better of it" })).status;
}

/** Pays several orders, and tells the cents of each, or why it was not paid. */
export async function paySeveral(orders: number[]): Promise<(number | string)[]> {
  await signedIn();
  const receipts = await symphony.dispatchMany(orders.map((order) => ({ type: "order.paid", payload: { order } })));
  return Promise.all(receipts.map(async ({ messageId }) => {
    try {
      const output = await symphony.wait(messageId, { timeout: "20s" });
      return output.charged;
    } catch (error) {
      if (error instanceof MessageFailedError) return error.message;
      throw error;
    }
  }));
}
