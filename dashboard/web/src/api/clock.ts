// The server's clock, as the Date headers of its answers tell it. Times of the server are compared with this one: a
// browser's clock may be minutes off, and a heartbeat of just now would then read as one to come, or a node as late.

/** How far a server's clock is from the browser's. */
export class ServerClock {
  private least = -Infinity;
  private most = Infinity;

  /** Milliseconds by which the server's clock is ahead of the browser's; 0 as long as both may be the same. */
  get ahead(): number {
    return Math.max(this.least, Math.min(this.most, 0));
  }

  /** Takes the Date header of an answer, with the browser's times, in milliseconds, of its call and of its arrival. */
  told(date: string | null, sent: number, received: number) {
    const at = Date.parse(date ?? "");
    if (Number.isNaN(at)) return;
    // It was written between the two. The header leaves out the fraction of its second.
    const [least, most] = [at - received, at + 1000 - sent];
    const set = least > this.most || most < this.least; // one of the clocks was set meanwhile
    this.least = set ? least : Math.max(this.least, least);
    this.most = set ? most : Math.min(this.most, most);
  }

  /** The server's time now, in milliseconds. */
  now(): number {
    return Date.now() + this.ahead;
  }
}

/** The clock of the server that this page is of. */
export const serverClock = new ServerClock();
