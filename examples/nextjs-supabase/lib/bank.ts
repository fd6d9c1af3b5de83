import "server-only";

export class NoSuchOrder extends Error {
  override name = "NoSuchOrder";
}

export class BankBusy extends Error {
  override name = "BankBusy";
}

const shared = globalThis as typeof globalThis & { charges?: Map<string, number> };
const charges = (shared.charges ??= new Map());

/**
 * In place of a bank: charges an order once for each key, and tells the cents. It is busy when it hears of the
 * order 13 for the first time.
 */
export async function charge(key: string, order: number): Promise<number> {
  if (order <= 0) throw new NoSuchOrder(`there is no order ${order}`);
  const begun = charges.has(key);
  charges.set(key, order * 100);
  if (order === 13 && !begun) throw new BankBusy("the bank is busy");
  return order * 100;
}
