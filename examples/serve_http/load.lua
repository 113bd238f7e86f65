-- For wrk: POST /predict with so many rows of 64 pixels, and a line of a table at the end.
--   wrk … -s load.lua http://127.0.0.1:3000/predict -- ROWS CONNECTIONS

function init(args)
   local row = {}
   for i = 1, 64 do row[i] = tostring((i * 7) % 17) end
   local rows = {}
   for i = 1, tonumber(args[1]) do rows[i] = "[" .. table.concat(row, ",") .. "]" end
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   wrk.body = '{"rows":[' .. table.concat(rows, ",") .. "]}"
   rows_per_request, connections = args[1], args[2]
end

threads = {}
function setup(thread) table.insert(threads, thread) end

function done(summary, latency)
   local first = threads[1]
   local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   print(string.format("| %s | %s | %.2f | %.2f | %.2f | %.0f | %d |", first:get("rows_per_request"),
      first:get("connections"), latency:percentile(50) / 1000, latency:percentile(95) / 1000,
      latency:percentile(99) / 1000, summary.requests / summary.duration * 1e6, failed + summary.errors.status))
end
