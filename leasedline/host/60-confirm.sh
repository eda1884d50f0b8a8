# --- confirm or go back: a change that nobody confirms undoes itself ---
#
# $STATE/pending says that the live files may be those of a change that is not confirmed; its line is
# "BOOT UNTIL", the boot id and the uptime at which its time is over. It is on the disk before the
# first live file changes, and goes when the change is committed or undone. What the change is undone
# to is $STATE/current, so a kill or a power cut at any step leaves one whole set or the other, and
# the note which.

ROLLBACK=leased-line-rollback
UNITS=/etc/systemd/system

# A file of this size is kept while a change is pending: the way back must not need a free block.
RESERVE=65536

# Units of their own, not the session's: they outlive SSH, sshd and the process that applied. The
# timer counts while the host runs (a set clock does not move it), the boot starts the service.
install_units() {
	cat >"$RUN/rollback.service" <<-END
		[Unit]
		Description=Leased line: undoes a change that was not confirmed
		ConditionPathExists=$STATE/pending
		After=network.target systemd-networkd.service
		StartLimitIntervalSec=0

		[Service]
		Type=oneshot
		ExecStart=$PROGRAM rollback
		Restart=on-failure
		RestartSec=60
		SyslogLevel=err

		[Install]
		WantedBy=multi-user.target
	END
	cat >"$RUN/rollback.timer" <<-END
		[Unit]
		Description=Leased line: the time in which a change must be confirmed

		[Timer]
		OnActiveSec=$CONFIRM
		AccuracySec=1
		RemainAfterElapse=no
	END
	units_changed=
	for kind in service timer; do
		! put "$RUN/rollback.$kind" "$UNITS/$ROLLBACK.$kind" root:root 0644 || units_changed=yes
		rm -f "$RUN/rollback.$kind"
	done
	if [ -n "$units_changed" ] || ! units_are_there; then
		enable_units "$ROLLBACK.service" "$ROLLBACK.timer"
		say "units $ROLLBACK.service and .timer: installed"
	fi
}

units_are_there() {
	[ -e "$UNITS/$ROLLBACK.timer" ] && [ -e "$UNITS/$ROLLBACK.service" ] &&
		[ -e "$UNITS/multi-user.target.wants/$ROLLBACK.service" ]
}

remove_units() {
	end_units "$ROLLBACK.timer" "$ROLLBACK.service"
	rm -f "$UNITS/$ROLLBACK.timer" "$UNITS/$ROLLBACK.service"
	systemctl daemon-reload
}

# stage BUNDLE: all that the change will write, where nothing live is touched.
stage() {
	[ ! -e "$STATE/next" ] || unstage_files
	record "$1"
	if [ -e "$STATE/next" ] && ! cmp -s "$STATE/next" "$1"; then
		mkdir -p "$STATE/interrupted"
		mv "$STATE/next" "$STATE/interrupted/$(sed -n '$s/^end sha256://p' "$STATE/next")"
	fi
	cp "$1" "$STATE/next.new"
	mv "$STATE/next.new" "$STATE/next"
	keep_formers "$1"
	stage_files "$1"
	[ -e "$STATE/reserve" ] || head -c "$RESERVE" /dev/zero >"$STATE/reserve"
}

# unstage: what a stage that failed has laid down. While an earlier change is pending, its rollback
# still needs to know what was recorded.
unstage() {
	unstage_files
	rm -f "$STATE/next.new" "$STATE/before/settings.new"
	[ ! -e "$STATE/pending" ] || return 0
	rm -f "$STATE/next" "$STATE/reserve"
	forget_formers "$STATE/current"
	if [ -z "$(our_bundles)" ]; then
		remove_directories >/dev/null
		rm -rf "$STATE/before"
	fi
}

# arm: from here on the host goes back by itself, whatever happens to this run.
arm() {
	units_are_there || install_units
	systemctl restart "$ROLLBACK.timer"
	read -r boot </proc/sys/kernel/random/boot_id
	say "$boot $((armed + CONFIRM))" >"$STATE/pending"
	sync -f /etc "$STATE"
}

disarm() {
	rm -f "$STATE/pending" "$STATE/reserve"
	sync "$STATE"
	systemctl stop "$ROLLBACK.timer"
}

# at_most SECONDS: as long as a check of the change may wait.
at_most() {
	spare=$((armed + CONFIRM - CONFIRM_SPARE - $(uptime_s)))
	say $((spare < $1 ? spare : $1))
}

# due: whether the time of the pending change is over, or the host was booted since.
due() {
	read -r pending_boot pending_until <"$STATE/pending" || return 0
	read -r boot </proc/sys/kernel/random/boot_id
	[ "$boot" != "$pending_boot" ] || [ "$(uptime_s)" -ge "$pending_until" ]
}

# prove_way_back CONNECTION: what is said after the change must be acknowledged by the other end of
# the SSH connection that this run came by. CONNECTION is $SSH_CONNECTION (ssh(1)): the other end's
# address and port, then this end's. A reply that the host expects proves nothing about it: the way
# from the hub may be right, and the one to the administrator cut.
prove_way_back() {
	if [ -z "$1" ]; then
		(say "the way back was not proved: this run came by no SSH connection") || :
		return 0
	fi
	# In words, as it is written.
	# shellcheck disable=SC2086
	set -- $1
	written=$(tcp_counts "$1" "$2" "$4")
	(say "the kernel is as the bundle says; the way back is proved by this line's arrival at $1") || :
	if [ -z "$written" ] || ! until_true "$WAIT_PROOF" acknowledged "$1" "$2" "$4" "$written"; then
		warn "nothing arrives at $1 any more, where this change was sent from: it cuts off its own author"
		return 1
	fi
}

# tcp_counts ADDRESS PORT OWN_PORT: the bytes that the other end has acknowledged, and those that it
# has not: of tcp_info and of the queue (ss(8)). Nothing if there is no such connection.
tcp_counts() {
	case $1 in *:*) other="[${1%\%*}]" ;; *) other=$1 ;; esac
	ss -Htin "sport = :$3 and dport = :$2 and dst $other" | awk '
		$1 == "ESTAB" { queue = $3 }
		match($0, /bytes_acked:[0-9]+/) { print substr($0, RSTART + 12, RLENGTH - 12), queue }
	'
}

# acknowledged ADDRESS PORT OWN_PORT "ACKED QUEUE": whether the queue is empty and more has been
# acknowledged than had been written by then.
acknowledged() {
	now=$(tcp_counts "$1" "$2" "$3")
	[ "${now#* }" = 0 ] && [ "${now% *}" -gt $((${4% *} + ${4#* })) ]
}

# commit: the change is in force. What is reported as done must outlive a power cut: the stack will
# not send it again.
commit() {
	sync -f /etc "$STATE"
	if [ -e "$STATE/current" ] && ! cmp -s "$STATE/current" "$STATE/next"; then
		ln -f "$STATE/current" "$STATE/previous"
	fi
	mv "$STATE/next" "$STATE/current"
	rm -rf "$STATE/interrupted"
	forget_formers "$STATE/current"
	disarm
	keep_names
}

# roll_back: to the bundle before, or to nothing where there was none.
roll_back() {
	rm -f "$STATE/reserve"
	if [ -e "$STATE/current" ]; then
		unstage_files
		interface=$(bundle_field "$STATE/current" interface)
		stage_files "$STATE/current"
		look_up "$STATE/current" "$interface"
		activate "$STATE/current" "$interface"
		until_true "$WAIT_KERNEL" kernel_is_mended "$STATE/current" "$interface" || {
			warn_differences "$STATE/current" "$interface"
			return 1
		}
		sync -f /etc
		rm -rf "$STATE/next" "$STATE/interrupted"
		forget_formers "$STATE/current"
	else
		take_down >/dev/null
		sync -f /etc
	fi
	disarm
}

# While the host boots, networkd may still be at work on the files of the change.
kernel_is_mended() {
	kernel_is_right "$1" "$2" || {
		! link_exists "$2" || sync_kernel "$1" "$2"
		kernel_is_right "$1" "$2"
	}
}

# undo REASON...: rolls back; the timer tries again if that fails.
undo() {
	attempt roll_back
	[ "$failed" -eq 0 ] && return
	say "failed" >>"$STATE/pending" || :
	die "$1, and the way back failed: log in and run leased-line status"
}

# rollback: by the timer, at boot, or by hand. A run that still holds the host is left alone until
# its time is over, and ended if it hangs.
rollback() {
	need_root
	open_lock
	late=0
	until flock -w 1 9; do
		if [ ! -e "$STATE/pending" ] || ! due; then
			say "another run is at work here, and its time is not over"
			return
		fi
		late=$((late + 1))
		[ "$late" -lt "$CONFIRM_SPARE" ] || end_holders
	done
	if [ ! -e "$STATE/pending" ]; then
		say "no change waits to be confirmed"
		return
	fi
	own_lock rollback
	undo "a change was not confirmed"
	warn "a change was not confirmed and was undone: this host is as it was before"
}

# The lock is held by a process and by all that it started: each has it open as descriptor 9.
end_holders() {
	(
		find /proc/[0-9]*/fd/9 -lname "$RUN/lock" 2>/dev/null | cut -d / -f 3 |
			while read -r pid; do [ "$pid" = $$ ] || kill -KILL "$pid" || :; done
	) 9>&-
}

# pending_difference: what status says of a pending change.
pending_difference() {
	if grep -q failed "$STATE/pending"; then
		say "a change was not confirmed, and the way back failed: journalctl -u $ROLLBACK"
	elif due; then
		say "a change was not confirmed, and its rollback has not run yet: leased-line rollback"
	else
		say "a change is not confirmed: it is undone in $((pending_until - $(uptime_s))) s"
	fi
}
