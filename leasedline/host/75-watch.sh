# --- the hub's memory: where each spoke is, for when networkd gives WireGuard all peers anew ---

# A start of networkd does that (each upgrade of systemd's package is one), and from 257 a reload
# does it if a peer has changed since networkd last read its files (systemd#38196). Then all sessions
# are gone, and the hub no longer knows where the spokes behind NAT are. A spoke would notice by
# itself, but as late as by a packet that stays without an answer (leasedline/probe.py).

# Seconds between two looks: a look is one program.
WATCH=2

# watch INTERFACE: for as long as its unit runs.
watch() {
	need_root
	known=
	while :; do
		if now=$(wg show "$1" endpoints 2>/dev/null) && [ "$now" != "$known" ]; then
			remember "$1"
		fi
		sleep "$WATCH"
	done
}

# remember INTERFACE: $now into $known, and a peer that has lost its endpoint is told the one it had.
# WireGuard has just called it in vain, and calls again 5 s later (REKEY_TIMEOUT).
remember() {
	merged=$(printf '%s\n\n%s\n' "$known" "$now" | awk '
		!NF { second = 1; next }
		!second { was[$1] = $2; next }
		$2 == "(none)" && ($1 in was) && was[$1] != "(none)" { print $1, was[$1], "lost"; next }
		{ print $1, $2 }
	')
	lost=$(say "$merged" | awk '$3 == "lost" { print "peer", $1, "endpoint", $2 }')
	if [ -n "$lost" ]; then
		# In words, as it is written.
		# shellcheck disable=SC2086
		wg set "$1" $lost || return 0
		told=$(say "$lost" | wc -l)
		warn "$1 had all peers anew, and $told were told where they had been"
	fi
	known=$(say "$merged" | awk 'NF { print $1 "\t" $2 }')
}
