#!/bin/sh
# Makes target/interop, a Python environment with the packages that tests/interop calls; once for each change of their list.
set -eu
cd "$(dirname "$0")/.."
. scripts/as_root.sh

list=tests/interop/requirements.txt
environment=${CARGO_TARGET_DIR:-target}/interop
if cmp -s "$list" "$environment/requirements.txt"; then exit 0; fi

can_make_environments() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

if ! can_make_environments; then
	echo "Python's venv is missing; installing it."
	if command -v apt-get >/dev/null 2>&1; then
		as_root apt-get update -qq
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv
	elif command -v dnf >/dev/null 2>&1; then as_root dnf install -y python3
	elif command -v pacman >/dev/null 2>&1; then as_root pacman -Sy --noconfirm python
	fi
fi
if ! can_make_environments; then
	echo "error: there is no Python 3 with venv (Debian's packages python3 and python3-venv); install it and try again" >&2
	exit 1
fi
echo "Installing the packages of $list into $environment."
python3 -m venv --clear "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
cp "$list" "$environment/requirements.txt"
