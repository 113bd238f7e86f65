#!/bin/sh
# Makes sure that OpenBLAS can be linked; installs it with the system's package manager where it is missing.
set -eu
. "$(dirname "$0")/as_root.sh"

linkable() {
	if command -v pkg-config >/dev/null 2>&1 && pkg-config --exists openblas; then return 0; fi
	if command -v brew >/dev/null 2>&1 && brew --prefix --installed openblas >/dev/null 2>&1; then return 0; fi
	# The linker's own answer, for systems without pkg-config.
	if command -v cc >/dev/null 2>&1; then
		probe=$(mktemp -d)
		echo 'int main(void) { return 0; }' >"$probe/main.c"
		if cc "$probe/main.c" -o "$probe/main" -lopenblas >/dev/null 2>&1; then found=0; else found=1; fi
		rm -r "$probe"
		return $found
	fi
	return 1
}

if linkable; then exit 0; fi
echo "OpenBLAS is missing; installing it."
if command -v apt-get >/dev/null 2>&1; then
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libopenblas-dev pkg-config gcc
elif command -v dnf >/dev/null 2>&1; then
	as_root dnf install -y openblas-devel pkgconf-pkg-config gcc
elif command -v pacman >/dev/null 2>&1; then
	as_root pacman -Sy --noconfirm openblas pkgconf gcc
elif command -v brew >/dev/null 2>&1; then
	brew install openblas libomp pkg-config
else
	echo "error: OpenBLAS is missing and there is no apt-get, dnf, pacman or brew here; install its development" >&2
	echo "package (Debian: libopenblas-dev, Fedora: openblas-devel, Arch and Homebrew: openblas) and try again" >&2
	exit 1
fi
if ! linkable; then
	echo "error: OpenBLAS was installed but cannot be linked; check that its library is on the linker's path" >&2
	exit 1
fi
