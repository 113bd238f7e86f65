#!/bin/sh
# Makes sure that there is a Chromium, which a test shows the report to; installs it with the system's package manager where it is missing.
set -eu
. "$(dirname "$0")/as_root.sh"

if command -v "${CHROMIUM:-chromium}" >/dev/null 2>&1; then exit 0; fi
echo "Chromium is missing; installing it."
if command -v apt-get >/dev/null 2>&1; then
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
elif command -v dnf >/dev/null 2>&1; then as_root dnf install -y chromium
elif command -v pacman >/dev/null 2>&1; then as_root pacman -Sy --noconfirm chromium
fi
if ! command -v "${CHROMIUM:-chromium}" >/dev/null 2>&1; then
	echo "error: there is no Chromium; install it, or name another by CHROMIUM" >&2
	exit 1
fi
