#!/bin/sh
# Makes sure that programs can be built against MPI and started by mpirun; installs Open MPI, and the libclang that reads its header,
# with the system's package manager where they are missing.
set -eu
. "$(dirname "$0")/as_root.sh"

clang() {
	for directory in ${LIBCLANG_PATH:-} /usr/lib/llvm*/lib /usr/lib64/llvm*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/lib \
		/opt/homebrew/opt/llvm/lib /usr/local/opt/llvm/lib /Library/Developer/CommandLineTools/usr/lib; do
		for file in "$directory"/libclang.so* "$directory"/libclang-[0-9]*.so* "$directory"/libclang.dylib; do
			if [ -e "$file" ]; then return 0; fi
		done
	done
	return 1
}

usable() {
	command -v mpicc >/dev/null 2>&1 && command -v mpirun >/dev/null 2>&1 && clang
}

if usable; then exit 0; fi
echo "MPI is missing; installing it."
if command -v apt-get >/dev/null 2>&1; then
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		libopenmpi-dev openmpi-bin libclang-dev gcc libc6-dev
elif command -v dnf >/dev/null 2>&1; then
	as_root dnf install -y openmpi-devel clang-devel gcc
elif command -v pacman >/dev/null 2>&1; then
	as_root pacman -Sy --noconfirm openmpi clang gcc
elif command -v brew >/dev/null 2>&1; then
	brew install open-mpi llvm
else
	echo "error: MPI is missing and there is no apt-get, dnf, pacman or brew here; install Open MPI with its header, and libclang" >&2
	echo "(Debian: libopenmpi-dev openmpi-bin libclang-dev) and try again" >&2
	exit 1
fi
if ! usable; then
	echo "error: MPI was installed, but mpicc and mpirun are not on the path, or libclang was not found; put them there" >&2
	echo "(Fedora: module load mpi) and try again" >&2
	exit 1
fi
