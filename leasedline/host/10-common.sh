#!/bin/sh
# leased-line: brings this host to the bundle that its stack sends, and back.
#
#   leased-line apply      a bundle on stdin: stage, keep, activate, verify, commit
#   leased-line status     compares the kernel and the files with the applied bundle [--json]
#   leased-line remove     takes away what was added, restores what was there before
#   leased-line install    (an installer on stdin) this program and the host's key files
#   leased-line uninstall  remove, then this program and its keys
#
# Exit codes: 0 as wanted, 1 failed and undone, 2 wrong use, 3 differs (status).
# POSIX sh, systemd 249 to 257. Root only.
#
# shellcheck disable=SC2329 # the steps are called by name, through attempt and until_true
set -eu
umask 022
PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL

STATE=/var/lib/leased-line
RUN=/run/leased-line
KEYS=/etc/leased-line/keys
PROGRAM=/usr/local/sbin/leased-line
TABLE=leased_line

# What a step may wait at most, in seconds.
WAIT_LOCK=60
WAIT_KERNEL=20
WAIT_REPLY=30

say() { printf '%s\n' "$*"; }

warn() { printf 'leased-line: %s: %s\n' "$(uname -n)" "$*" >&2; }

die() {
	warn "$@"
	exit 1
}

# Seconds since boot: a wait must not end early or late because the clock was set.
uptime_s() {
	read -r up _ </proc/uptime
	say "${up%.*}"
}

# until_true SECONDS COMMAND...: tries until it succeeds or the time is over.
until_true() {
	until_deadline=$(($(uptime_s) + $1))
	shift
	until "$@"; do
		[ "$(uptime_s)" -lt "$until_deadline" ] || return 1
		sleep 0.3
	done
}

need_root() {
	[ "$(id -u)" -eq 0 ] || die "needs root: log in as root, or give this user passwordless sudo"
}

# One run at a time: the lock goes with the process, however it ends.
lock() {
	mkdir -p "$RUN"
	chmod 0700 "$RUN"
	exec 9>"$RUN/lock"
	flock -w "$WAIT_LOCK" 9 ||
		die "another run has held this host for $WAIT_LOCK s: wait for it, or end it (fuser $RUN/lock)"
}

one_line() { printf '%s' "$1" | tr '\n' ' '; }

# attempt COMMAND...: runs it in a shell of its own where any failure ends it, and leaves the exit
# code in $failed. (In a condition, `set -e` would be off all the way down.)
attempt() {
	set +e
	(
		set -e
		"$@"
	)
	failed=$?
	set -e
}

systemd_version() { systemctl --version | awk 'NR == 1 { print int($2) }'; }

link_exists() { [ -n "$1" ] && [ -e "/sys/class/net/$1" ]; }

