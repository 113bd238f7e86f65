# Read by the scripts beside it: runs a command as root, or says that it needs to and ends.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; return; fi
	if command -v sudo >/dev/null 2>&1; then sudo "$@"; return; fi
	echo "error: installing what is missing needs root or sudo: $*" >&2
	exit 1
}
