-- Posts BENCH_BODY with the API key BENCH_KEY and prints what came back as one line of JSON.
--
-- wrk itself counts answers of 400 and above. With BENCH_COUNT=1 every answer that is not 201 counts as unexpected;
-- that makes wrk parse each answer, takes a core's time from the server and so is not used while measuring.

wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = os.getenv("BENCH_KEY")

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

unexpected = 0

if os.getenv("BENCH_COUNT") == "1" then
  function response(status)
    if status ~= 201 then unexpected = unexpected + 1 end
  end
end

function done(summary, latency)
  local e = summary.errors
  local bad = e.status
  for _, thread in ipairs(threads) do bad = math.max(bad, thread:get("unexpected")) end
  io.write(string.format(
    '{"requests":%d,"micros":%d,"unexpected":%d,"socket":%d,"p50":%d,"p99":%d,"max":%d}\n',
    summary.requests, summary.duration, bad, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
