/** An event of the server; see the API's documentation of events. */
export type LiveEvent = { id?: number; type: string; at: string; data: Record<string, unknown> };

/** live: events come. polling: they do not, the server answers. unreachable: it does not. paused: by the viewer. */
export type LiveState = "connecting" | "live" | "reconnecting" | "polling" | "unreachable" | "paused";

type Told = { state: LiveState; since: Date };

// The types of events: EventSource tells each to listeners of that type alone.
const types = [
  "connected", "reset", "stats", "message.failed", "message.retrying", "worker.started", "worker.stopped", "node.started",
  "node.stopped", "hold.changed", "limit.changed", "audit", "operation.changed", "schedule.failed", "alert.firing",
  "alert.resolved", "events.dropped", "message.dispatched", "message.progress", "message.completed", "message.cancelled",
];
const firstPause = 1000;
const longestPause = 30_000;

/**
 * One stream of events, which connects again by itself, misses nothing by the numbers of events, and rests while the
 * page is hidden. Not an EventSource's own reconnecting: that gives up for good when a proxy answers 502 once.
 */
export class LiveConnection {
  private source: EventSource | undefined;
  private timer: number | undefined;
  private failures = 0;
  private last: string | undefined;
  private told: Told = { state: "connecting", since: new Date() };
  private paused = false;
  private started = false;
  private readonly states = new Set<() => void>();
  private readonly listeners = new Set<(e: LiveEvent) => void>();

  /**
   * url is where the events are; one with a filter, such as ?id=…, has each event of these messages. health is asked when
   * it breaks.
   */
  constructor(private readonly url: string, private readonly health: string) {}

  get state(): Told {
    return this.told;
  }

  subscribe = (call: () => void) => {
    this.states.add(call);
    return () => void this.states.delete(call);
  };

  /** Has call told of every event, until what it returns is called. */
  listen(call: (e: LiveEvent) => void): () => void {
    this.listeners.add(call);
    return () => void this.listeners.delete(call);
  }

  start() {
    this.started = true;
    document.addEventListener("visibilitychange", this.seen);
    this.connect();
  }

  stop() {
    this.started = false;
    document.removeEventListener("visibilitychange", this.seen);
    this.close();
  }

  pause() {
    this.paused = true;
    this.close();
    this.tell("paused");
  }

  resume() {
    this.paused = false;
    this.failures = 0;
    this.tell("connecting");
    this.connect();
  }

  private readonly seen = () => {
    if (document.hidden) {
      // A glance at another tab does not cost a connection.
      this.timer ??= window.setTimeout(() => document.hidden && this.close(), 10_000);
    } else if (!this.source) {
      this.connect();
    }
  };

  private close() {
    window.clearTimeout(this.timer);
    this.timer = undefined;
    this.source?.close();
    this.source = undefined;
  }

  private connect() {
    if (this.paused || !this.started) return;
    this.close();
    const after = this.last === undefined ? "" : `${this.url.includes("?") ? "&" : "?"}after=${this.last}`;
    const source = new EventSource(this.url + after, { withCredentials: true });
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.tell("live");
    };
    source.onerror = () => {
      this.close();
      this.failures++;
      void this.diagnose();
      const pause = Math.min(longestPause, firstPause * 2 ** (this.failures - 1));
      // Tabs that lost the same server do not come back in the same moment.
      this.timer = window.setTimeout(() => this.connect(), pause * (0.5 + Math.random() / 2));
    };
    for (const type of types) source.addEventListener(type, this.take);
  }

  /** Finds out whether the server is gone, or merely has no stream for us. */
  private async diagnose() {
    if (this.failures === 1) this.tell("reconnecting");
    if (document.hidden) return;
    let reached = false;
    try {
      const answered = await fetch(this.health, { signal: AbortSignal.timeout(5000) });
      reached = answered.ok;
    } catch {
      reached = false;
    }
    if (this.source === undefined || this.told.state !== "live") {
      if (!this.paused && (this.failures > 1 || !reached)) this.tell(reached ? "polling" : "unreachable");
    }
  }

  private readonly take = (e: MessageEvent<string>) => {
    // Events of single messages have no numbers: only the log can be gone on with.
    if (e.lastEventId && !this.url.includes("?")) this.last = e.lastEventId;
    let event: LiveEvent;
    try {
      event = JSON.parse(e.data) as LiveEvent;
    } catch {
      return; // a proxy has cut it; the next one is whole
    }
    event.type ??= e.type;
    for (const call of this.listeners) call(event);
  };

  private tell(state: LiveState) {
    if (this.told.state === state) return;
    this.told = { state, since: new Date() };
    for (const call of this.states) call();
  }
}
