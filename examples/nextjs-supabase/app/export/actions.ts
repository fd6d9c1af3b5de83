"use server";
import { ConflictError } from "@symphony-messenger/client";
import { user } from "@/lib/supabase";
import { symphony } from "@/lib/symphony";

/** Begins an export, and tells its id with a token by which its page, and nobody else, follows it. */
export async function startExport(rows: number): Promise<{ messageId: string; token: string }> {
  const who = await user();
  if (!who) throw new Error("sign in first");
  const { messageId } = await symphony.dispatch("export.requested", { rows }, { metadata: { user: who.id } });
  const { token } = await symphony.messages.token(messageId, { ttl: "1h" });
  return { messageId, token };
}

/** Cancels an export of who is signed in, if it has not ended yet. */
export async function cancelExport(messageId: string): Promise<void> {
  const who = await user();
  const { message } = await symphony.get(messageId);
  if (!who || message.metadata?.["user"] !== who.id) throw new Error("this is not your export");
  try {
    await symphony.cancel(messageId, { reason: "by the one who has asked for it" });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error; // it has ended meanwhile
  }
}
