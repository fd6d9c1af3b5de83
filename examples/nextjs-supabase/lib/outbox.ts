import "server-only";

export interface Mail {
  to: string;
  subject: string;
  attempt: number;
}

// In place of a mail provider: kept in memory, by the id of the message that had it sent. All parts of the
// application have the same one, though Next.js bundles pages and routes apart.
const shared = globalThis as typeof globalThis & { outbox?: Map<string, Mail> };
const sent = (shared.outbox ??= new Map());

/** Sends a mail once for each key, as providers do that take idempotency keys. */
export async function send(key: string, mail: Mail): Promise<void> {
  if (!sent.has(key)) sent.set(key, mail);
}

/** What was sent to an address. */
export function mailsTo(address: string): Mail[] {
  return [...sent.values()].filter((mail) => mail.to === address);
}
