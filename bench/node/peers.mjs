// Measures Graphile Worker and pg-boss: peers.mjs PEER CASE N SECONDS. Prints one JSON object, see result.go.
import { readFileSync } from 'node:fs';
import pg from 'pg';

const [peer, name, count, seconds] = process.argv.slice(2);
const connectionString = process.env.DATABASE_URL;
const total = Number(count);
const length = Number(seconds) * 1000;
const padding = 'x'.repeat(176);
const payload = (seq) => ({ seq, pad: padding });
const now = () => performance.now();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// One product: send(seq), sendMany(first, n), work(handled), left(), all asynchronous.
const products = {
  async 'graphile-worker'(tuned) {
    const { run, makeWorkerUtils, Logger } = await import('graphile-worker');
    const logger = new Logger(() => () => {});
    const pool = new pg.Pool({ connectionString, max: 16 });
    const utils = await makeWorkerUtils({ pgPool: pool, logger });
    await utils.migrate();
    const worker = { connectionString, logger };
    if (tuned) {
      Object.assign(worker, {
        concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0,
      });
    }
    return {
      send: (seq) => utils.addJob('noop', payload(seq)),
      sendMany: (first, n) => utils.addJobs(Array.from({ length: n }, (_, i) => ({ identifier: 'noop', payload: payload(first + i) }))),
      work: (handled) => run({ preset: { worker }, logger, noHandleSignals: true, taskList: { noop: (p) => handled(p.seq) } }),
      left: async () => Number((await pool.query('SELECT count(*) FROM graphile_worker._private_jobs')).rows[0].count),
    };
  },
  async 'pg-boss'(tuned) {
    const { PgBoss } = await import('pg-boss');
    const pool = new pg.Pool({ connectionString, max: 2 });
    const boss = new PgBoss({ connectionString, max: 16, ...(tuned ? { useListenNotify: true } : {}) });
    boss.on('error', (err) => { throw err; });
    await boss.start();
    await boss.createQueue('noop', tuned ? { notify: true } : {});
    const options = tuned ? { batchSize: 1000, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, localConcurrency: 2 } : {};
    return {
      send: (seq) => boss.send('noop', payload(seq)),
      sendMany: (first, n) => boss.insert('noop', Array.from({ length: n }, (_, i) => ({ data: payload(first + i) }))),
      work: (handled) => boss.work('noop', options, async (jobs) => { for (const job of jobs) handled(job.data.seq); }),
      left: async () => Number((await pool.query("SELECT count(*) FROM pgboss.job WHERE name = 'noop' AND state < 'completed'")).rows[0].count),
    };
  },
};

function quantiles(times) {
  times.sort((a, b) => a - b);
  const at = (p) => times[Math.min(Math.max(Math.ceil(p * times.length) - 1, 0), times.length - 1)];
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: times[times.length - 1] };
}

const rate = (n, ms) => ({ n, secs: ms / 1000, rate: (n * 1000) / ms });

async function enqueue(product, producers, per) {
  let n = 0;
  const start = now();
  await Promise.all(Array.from({ length: producers }, async (_, p) => {
    for (let i = 0; now() - start < length; i++) {
      const first = (p * 10_000_000 + i) * per;
      await (per === 1 ? product.send(first) : product.sendMany(first, per));
      n += per;
    }
  }));
  return rate(n, now() - start);
}

async function untilNothingIsLeft(product, allowed = 0) {
  while (await product.left() > allowed) await sleep(2);
}

async function drain(product) {
  let handled = 0;
  const start = now();
  await new Promise((done) => { product.work(() => { if (++handled === total) done(); }); });
  await untilNothingIsLeft(product);
  return { ...rate(total, now() - start), errors: handled - total };
}

async function latency(product) {
  const n = Math.min(total, Math.floor(length / 10 * 2.5));
  const before = [], after = [], started = [];
  let got = 0;
  let done;
  const all = new Promise((resolve) => { done = resolve; });
  await product.work((seq) => {
    if (started[seq] !== undefined) return;
    started[seq] = now();
    if (++got === n) done();
  });
  await sleep(1000);
  const origin = now();
  for (let i = 0; i < n; i++) {
    await sleep(Math.max(origin + i * 10 - now(), 0));
    before[i] = now();
    await product.send(i);
    after[i] = now();
  }
  await all;
  return { n, e2e: quantiles(started.map((t, i) => t - before[i])), pickup: quantiles(started.map((t, i) => t - after[i])) };
}

// Sends batches of 500 from two producers while a worker handles them, with at most 20,000 on their way.
async function both(product) {
  const per = 500, n = Math.max(Math.floor(total / per), 1) * per;
  let sent = 0, handled = 0, done;
  const all = new Promise((resolve) => { done = resolve; });
  await product.work(() => { if (++handled === n) done(); });
  await sleep(1000);
  const start = now();
  await Promise.all([0, 1].map(async () => {
    while (sent < n) {
      const first = sent;
      sent += per;
      while (first - handled > 20_000) await sleep(1);
      await product.sendMany(first, per);
    }
  }));
  await all;
  await untilNothingIsLeft(product);
  return rate(n, now() - start);
}

// Handles messages for a time while as many are sent, so that the queue stays as long as it was.
async function depth(product) {
  const per = 500;
  let handled = 0, ended = false, sent = 0, first = 0;
  await product.work(() => { handled++; });
  while (handled === 0) await sleep(1);
  const producing = (async () => {
    while (!ended) {
      if (sent >= handled) { await sleep(1); continue; }
      await product.sendMany(first, per);
      sent += per;
      first += per;
    }
  })();
  await sleep(500);
  const from = handled, start = now();
  await sleep(length);
  const result = rate(handled - from, now() - start);
  ended = true;
  await producing;
  return result;
}

async function measure() {
  const product = await products[peer](/^(drain|latency)-tuned$|^both$|^depth-/.test(name));
  switch (name) {
    case 'load':
      for (let first = 0; first < total; first += 1000) await product.sendMany(first, Math.min(1000, total - first));
      return undefined;
    case 'enqueue1': return enqueue(product, 1, 1);
    case 'enqueue16': return enqueue(product, 16, 1);
    case 'batch-1000': return enqueue(product, 1, 1000);
    case 'drain-default': case 'drain-tuned': return drain(product);
    case 'latency-default': case 'latency-tuned': return latency(product);
    case 'both': return both(product);
    default:
      if (name.startsWith('depth-')) return depth(product);
      throw new Error(`unknown case ${name}`);
  }
}

const result = await measure();
if (result) {
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  console.log(JSON.stringify({ ...result, rss_mib: Number(peak[1]) / 1024 }));
}
process.exit(0); // the worker may be running
