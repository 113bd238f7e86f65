#!/bin/sh
# Prints the latency table of README.md: a digits model behind the service, asked by wrk (Debian's package of that name).
# `load.sh SECONDS` measures each line for so long; 5 unless said.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-5}

if ! command -v wrk >/dev/null 2>&1; then
	echo "error: wrk is missing; on Debian: apt-get install wrk" >&2
	exit 1
fi
cargo build --quiet --release --locked -p serve_http -p chainrule-cli
place=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server"; fi; rm -r "$place"' EXIT
bin=${CARGO_TARGET_DIR:-target}/release
"$bin/chainrule" train --out "$place/out" >/dev/null 2>&1
"$bin/serve_http" --model "$place/out/model.safetensors" --address 127.0.0.1:0 >"$place/address" &
server=$!
until [ -s "$place/address" ]; do sleep 0.1; done
address=$(sed 's/listening on //' "$place/address")

echo "| rows a request | connections | p50, ms | p95, ms | p99, ms | requests a second | failed |"
echo "|---|---|---|---|---|---|---|"
for rows in 1 16 256; do
	for connections in 1 4 16 64; do
		wrk --threads 1 --connections "$connections" --duration "${seconds}s" --script examples/serve_http/load.lua \
			"$address/predict" -- "$rows" "$connections" | grep '^|'
	done
done
