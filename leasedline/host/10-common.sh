#!/bin/sh
# leased-line: brings this host to the bundle that its stack sends, and back.
#
#   leased-line apply      a bundle on stdin: stage, arm, activate, verify, prove the way back, commit
#   leased-line rollback   undoes a change that was not confirmed (its timer and the boot call it)
#   leased-line status     compares the kernel and the files with the applied bundle [--json]
#   leased-line endpoint   looks the hub's name up again if the hub does not answer (a timer calls it)
#   leased-line pairs      asks the far spokes' LANs from this one's own (what to ask on stdin)
#   leased-line remove     takes away what was added, restores what was there before
#   leased-line settle     names and keys on stdin: forgets the keys that these have replaced
#   leased-line follow     the unit that serves an office by its former key until it has the new one
#   leased-line install    (an installer on stdin) this program and the host's key files
#   leased-line uninstall  remove, then this program and its keys
#   leased-line watch NAME on a hub, by its unit: keeps the spokes of interface NAME from being forgotten
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
NETWORKS="/etc/systemd/network /run/systemd/network /usr/local/lib/systemd/network /usr/lib/systemd/network"

# What a step may wait at most, in seconds.
WAIT_LOCK=60
WAIT_KERNEL=20
WAIT_REPLY=30
WAIT_PROOF=10

# A change that is not confirmed so many seconds after it began is undone; its checks end so long
# before that the undoing has begun by itself.
CONFIRM=60
CONFIRM_SPARE=15

say() { printf '%s\n' "$*"; }

# In a shell of its own: when the SSH connection is gone, a word into it must not end the undoing.
warn() { (printf 'leased-line: %s: %s\n' "$(uname -n)" "$*" >&2) || :; }

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

# lock VERB: one run at a time. The lock goes with the process, however it ends; who has it stands
# in it.
lock() {
	open_lock
	flock -w "$WAIT_LOCK" 9 || lock_is_held
	own_lock "$1"
}

open_lock() {
	mkdir -p "$RUN"
	chmod 0700 "$RUN"
	exec 9>>"$RUN/lock"
}

own_lock() { say "$1 $$ $(uptime_s)" >"$RUN/lock"; }

lock_is_held() {
	read -r holder pid since <"$RUN/lock" || die "another run has just taken this host: wait for it"
	die "another run ($holder, process $pid) has held this host for $(($(uptime_s) - since)) s: wait for it, or end it"
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

