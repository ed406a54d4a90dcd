-- One kind of request, each time about another session.
-- Arguments: method, path, body, key, file with sessions.
local sessions, at, method, path, body, key = {}, 0

local function uuid()
  return string.format("%08x-%04x-4%03x-8%03x-%08x%04x", math.random(0, 0x7fffffff),
    math.random(0, 0xffff), math.random(0, 0xfff), math.random(0, 0xfff),
    math.random(0, 0x7fffffff), math.random(0, 0xffff))
end

function init(arguments)
  math.randomseed(os.time())
  local file
  method, path, body, key, file = unpack(arguments)
  for line in io.lines(file) do sessions[#sessions + 1] = line end
  at = math.random(#sessions)
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["X-API-KEY"] = key
end

function request()
  at = at % #sessions + 1
  local content = body:gsub("{uuid}", uuid)
  return wrk.format(method, (path:gsub("{session}", sessions[at])), nil, content)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failures": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
