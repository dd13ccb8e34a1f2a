-- Posts the bodies of a file, one a line, in turn; writes what came of it as one line of JSON.
-- wrk ... -s rotate.lua URL -- FILE

local requests, turn = {}, 0

function init(arguments)
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"p50_us": %.1f, "p99_us": %.1f, "requests": %d, "duration_us": %d, "refused": %d, "broken": %d}\n',
    latency:percentile(50), latency:percentile(99), summary.requests, summary.duration,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
