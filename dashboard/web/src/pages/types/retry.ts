/** When an attempt runs: its number, the wait before it and the time since the first failure, in milliseconds. */
export type Attempt = { number: number; wait: number; since: number; x: number };

/** Attempts that are drawn at most; of more the first ones and the last are. */
export const drawn = 8;

/**
 * When attempts run, if each fails at once. x is its place in the picture, 0 to 1: later ones lie closer together, as
 * waits of one second and of six hours have to be seen in one picture.
 */
export function attempts(delays: number[]): Attempt[] {
  let since = 0;
  const list = [{ number: 1, wait: 0, since: 0, x: 0 }];
  for (const [i, wait] of delays.entries()) {
    since += wait;
    list.push({ number: i + 2, wait, since, x: 0 });
  }
  const place = (ms: number) => Math.log1p(ms / 100);
  const whole = place(since) || 1;
  for (const a of list) a.x = place(a.since) / whole;
  return list;
}

/** The attempts that are drawn, and how many of those between the last two are not. */
export function picked(list: Attempt[]): { shown: Attempt[]; left: number } {
  if (list.length <= drawn) return { shown: list, left: 0 };
  return { shown: [...list.slice(0, drawn - 1), list[list.length - 1]!], left: list.length - drawn };
}
