# --- the steps of an apply: activate, verify, roll back, take down ---

# activate BUNDLE INTERFACE: the staged files for the next boot, and the same state live. networkd is
# never restarted: that would reset every session and forget the endpoints of all spokes behind NAT.
activate() {
	put_files "$1"
	mend_keys "$1"
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] ||
		sysctl -q -p /etc/sysctl.d/10-ip-forward.conf
	activate_interface "$1" "$2"
	activate_formers "$1" "$2"
	activate_units "$1"
	activate_firewall
}

# activate_units BUNDLE: each one enabled and running; one whose text changed is started anew, also if
# it was an apply that was cut short that changed it.
activate_units() {
	# shellcheck disable=SC2046 # a unit's name is one word
	enable_units $(bundle_units "$1")
	while read -r unit enabled active files; do
		if [ "$enabled" = static ]; then continue; fi
		if [ "$files" = stale ] || changed "^$UNITS/$unit\$"; then
			systemctl restart "$unit"
		elif [ "$active" != active ]; then
			systemctl start "$unit"
		fi
	done <"$RUN/units"
}

activate_firewall() {
	nft -s list table inet "$TABLE" >"$RUN/firewall" 2>/dev/null || :
	if changed '^/etc/leased-line/firewall.nft$' || ! cmp -s "$RUN/firewall" "$STATE/firewall"; then
		nft -f /etc/leased-line/firewall.nft
		nft -s list table inet "$TABLE" >"$STATE/firewall.new" || cannot_write "$STATE/firewall"
		mv "$STATE/firewall.new" "$STATE/firewall"
	fi
}

activate_interface() {
	# The bundle may give the interface another name: the one of the bundle before goes first.
	our_interfaces | while read -r other; do
		[ "$other" = "$2" ] || ! link_exists "$other" || ip link del dev "$other"
	done
	unit_is systemd-networkd.service enabled || systemctl --quiet enable systemd-networkd.service
	if link_exists "$2"; then
		unit_is systemd-networkd.service active || systemctl start systemd-networkd.service
		sync_kernel "$1" "$2"
		# 250 to 256 take a changed .network without a gap and leave WireGuard alone; 249 drops the
		# link's configuration first, and 257 would reset every peer (systemd#38196).
		if changed '\.network$' && [ "$(systemd_version)" -ge 250 ] && [ "$(systemd_version)" -le 256 ]; then
			networkctl reload
		fi
		return
	fi
	if unit_is systemd-networkd.service active; then
		# Whose .netdev is stale was refused before (preflight_reload), unless this is a rollback.
		networkctl reload
	else
		systemctl start systemd-networkd.service
	fi
	# From 255 a reload does not bring back an interface that somebody deleted (systemd#34907).
	if ! until_true 10 link_exists "$2"; then
		ip link add dev "$2" type wireguard
		sync_kernel "$1" "$2"
	fi
}

kernel_is_right() { [ -z "$(kernel_differences "$1" "$2")" ]; }

hub_answers() { ping -n -q -c 1 -W 1 -I "$1" "$2" >/dev/null 2>&1; }

# last_handshake INTERFACE PEER: seconds since 1970, 0 for never.
last_handshake() { wg show "$1" latest-handshakes | awk -v peer="$2" '$1 == peer { at = $2 } END { print at + 0 }'; }

# warn_differences BUNDLE INTERFACE: what is not as the bundle says, and what to do about a hub that
# is heard from elsewhere: that is what moves an endpoint amid a change (whitepaper of WireGuard,
# 2.1: roaming).
warn_differences() {
	kernel_differences "$1" "$2" | while read -r difference; do
		warn "$difference"
		case $difference in
		"peer "*": endpoint is "[0-9]*) warn "the hub was heard from the first of these addresses, so nothing says that it can be reached at the second: is endpoint: in the network file right, and does UDP get to the hub there?" ;;
		esac
	done
}

# verify BUNDLE INTERFACE: what the kernel says counts, not that the commands succeeded: with a
# file that networkd may not read, every command succeeds and the interface stays down. A handshake
# older than $began, the start of the change, says nothing about it.
verify() {
	if ! until_true "$(at_most "$WAIT_KERNEL")" kernel_is_right "$1" "$2"; then
		warn_differences "$1" "$2"
		warn "the kernel is not as the bundle says after $WAIT_KERNEL s; see: journalctl -u systemd-networkd -n 20"
		return 1
	fi
	probe=$(bundle_field "$1" probe)
	[ -n "$probe" ] || return 0
	if ! until_true "$(at_most "$WAIT_REPLY")" hub_answers "$2" "$probe"; then
		bundle_want "$1" | awk '$1 == "peer" { print $2, $4 }' | while read -r public endpoint; do
			at=$(with_addresses "$endpoint")
			if [ "$(last_handshake "$2" "$public")" -lt "$began" ]; then
				warn "no handshake with the hub at $at within $WAIT_REPLY s: does the hub run, does its firewall let UDP ${endpoint##*:} in, and is all as wanted there (leased-line status)?"
			else
				warn "the hub's tunnel address $probe does not answer, though there was a handshake: see leased-line status there"
			fi
		done
		return 1
	fi
	# A wrong endpoint hides behind a session that still lives: the hub's own packets arrive, and the
	# kernel takes their source for the endpoint.
	if ! kernel_is_right "$1" "$2"; then
		warn_differences "$1" "$2"
		return 1
	fi
}


# take_down: what was added goes, what was recorded comes back; a receipt on stdout.
take_down() {
	our_interfaces >"$RUN/interfaces"
	keep_changed
	drop_unreachable /dev/null
	# shellcheck disable=SC2046 # a unit's name is one word
	end_units $(our_paths | sed -n "s,^$UNITS/,,p")
	remove_former_unit
	if nft list table inet "$TABLE" >/dev/null 2>&1; then
		nft delete table inet "$TABLE"
		say "nft table inet $TABLE: removed"
	fi
	our_paths | while read -r path; do
		put_back "$path"
		[ -e "$path" ] || say "$path: removed"
	done
	remove_directories
	systemctl daemon-reload
	while read -r interface; do
		link_exists "$interface" || continue
		ip link del dev "$interface"
		say "interface $interface: removed"
	done <"$RUN/interfaces"
	! unit_is systemd-networkd.service active || reload_after_removal "$RUN/interfaces"
	[ ! -e "$STATE/before/settings" ] || restore_settings
	# The bundles first: from then on nothing there is ours, and a second run takes away nothing.
	rm -rf "$STATE/current" "$STATE/next" "$STATE/interrupted" "$STATE/previous" \
		"$STATE/firewall" "$STATE/firewall.new" "$STATE/names" "$STATE/names.new" \
		"$STATE/formers" "$STATE/formers.new" "$STATE/pairs" "$STATE/pairs.new" "$STATE/before"
}

# reload_after_removal OURS: networkd forgets our files, unless another interface would pay for it.
reload_after_removal() {
	stale_netdev "$1" >"$RUN/stale"
	if [ -s "$RUN/stale" ]; then
		say "networkd: still knows the files that were removed; $(stale_netdev_says "$(cat "$RUN/stale")")"
	else
		networkctl reload
	fi
}

restore_settings() {
	while read -r kind name was active; do
		case $kind in
		sysctl) restore_sysctl "$name" "$was" ;;
		unit) restore_unit "$name" "$was" "$active" ;;
		esac
	done <"$STATE/before/settings"
}

