# --- the kernel: brought to the bundle without a gap, and compared with it ---

kernel_addresses() { ip -o -4 address show dev "$1" | awk '{ print $4 }'; }

# kernel_routes INTERFACE: all but the kernel's own connected ones, a prefix a line.
kernel_routes() {
	ip -4 route show dev "$1" | awk '!/ proto kernel / { print ($1 ~ /\// ? $1 : $1 "/32") }'
}

kernel_unreachable() {
	ip -4 route show type unreachable | awk '{ print ($2 ~ /\// ? $2 : $2 "/32") }'
}

# only_in A B: lines of file A that file B has not.
only_in() {
	awk -v other="$2" 'BEGIN { while ((getline line <other) > 0) there[line] } !($0 in there)' "$1"
}

# list_kernel BUNDLE INTERFACE: leaves the two sides of addresses and routes in $RUN.
list_kernel() {
	{ bundle_want "$1"; formers "$1"; } >"$RUN/want"
	for kind in address route unreachable; do : >"$RUN/want.$kind"; done
	awk -v want="$RUN/want." '
		$1 ~ /^(address|route|unreachable)$/ && !seen[$0]++ { print $2 >(want $1) }
	' "$RUN/want"
	kernel_addresses "$2" >"$RUN/have.address"
	kernel_routes "$2" >"$RUN/have.route"
	kernel_unreachable >"$RUN/have.unreachable"
}

# sync_kernel BUNDLE INTERFACE: peers, keys, MTU, addresses and routes of a live interface, by
# difference: what is right is not touched, so no session and no packet is lost for it.
sync_kernel() {
	list_kernel "$1" "$2"
	sync_wireguard "$2"
	# With another key a host is heard at its first packet, and not before.
	! grep -q private-key "$RUN/wg" || announce "$1" "$2"
	mtu=$(awk '$1 == "mtu" { print $2 }' "$RUN/want")
	[ "$(cat "/sys/class/net/$2/mtu")" = "$mtu" ] || ip link set dev "$2" mtu "$mtu"
	ip link set dev "$2" up
	[ "$(cat "/proc/sys/net/ipv4/conf/$2/forwarding")" = 1 ] || sysctl -q "net.ipv4.conf.$2.forwarding=1"
	add_addresses "$2"
	only_in "$RUN/have.address" "$RUN/want.address" | while read -r address; do
		ip address del "$address" dev "$2"
	done
	# Once more: without net.ipv4.conf.*.promote_secondaries the kernel drops an address that was
	# added in the same prefix together with the old one.
	add_addresses "$2"
	# First what is new: a summary takes over from the routes that it stands for.
	add_routes "$2"
	only_in "$RUN/have.route" "$RUN/want.route" | while read -r route; do
		ip route del "$route" dev "$2"
	done
	only_in "$RUN/want.unreachable" "$RUN/have.unreachable" | while read -r route; do
		ip route replace unreachable "$route" proto static
	done
	drop_unreachable "$RUN/want.unreachable"
}

# sync_wireguard INTERFACE: device and peers as in $RUN/want, by `wg set` and not by `wg syncconf` or
# `addconf` (wg(8)): those take all allowed IPs of each peer away and put them back, and a packet that
# comes in between is dropped (kernel 6.1, drivers/net/wireguard/netlink.c, set_peer).
sync_wireguard() {
	wg show "$1" dump | wg_compare "$1" set >"$RUN/wg"
	while read -r words; do
		# In words, as it is written.
		# shellcheck disable=SC2086
		wg set "$1" $words
	done <"$RUN/wg"
}

# announce BUNDLE INTERFACE: says a word to the hub, and does not wait for its reply.
announce() {
	hub=$(bundle_field "$1" probe)
	[ -z "$hub" ] || hub_answers "$2" "$hub" 9>&- &
}

# add_routes INTERFACE: those of $RUN/want.route that it has not. They are listed again: the kernel
# drops those that hung on an address just deleted.
add_routes() {
	kernel_routes "$1" >"$RUN/have.route"
	only_in "$RUN/want.route" "$RUN/have.route" | while read -r route; do
		ip route replace "$route" dev "$1" proto static scope link
	done
}

# add_addresses INTERFACE: those of $RUN/want.address that it has not.
add_addresses() {
	kernel_addresses "$1" >"$RUN/have.address"
	only_in "$RUN/want.address" "$RUN/have.address" | while read -r address; do
		ip address add "$address" dev "$1"
	done
}

# drop_unreachable KEEP: takes away unreachable routes of earlier bundles that KEEP does not list.
drop_unreachable() {
	our_bundles | while read -r bundle; do
		bundle_want "$bundle" | awk '$1 == "unreachable" { print $2 }' >"$RUN/former"
		only_in "$RUN/former" "$1" | while read -r route; do
			! kernel_unreachable | grep -qxF "$route" || ip route del unreachable "$route"
		done
	done
}

# kernel_differences BUNDLE INTERFACE: a line for each thing that is not as the bundle says. It runs
# at each up on each host, so it starts few programs.
kernel_differences() {
	if ! link_exists "$2"; then
		say "interface $2: missing"
	elif ! wg show "$2" dump >"$RUN/dump" 2>/dev/null; then
		say "interface $2: is no WireGuard interface"
	else
		list_kernel "$1" "$2"
		# WireGuard's operstate is always "unknown": IFF_UP is the first bit of the flags.
		[ $(($(value_of "/sys/class/net/$2/flags") & 1)) -eq 1 ] || say "interface $2: is down"
		# Right for now is not right for the next boot: networkd may be unable to read its files, or
		# another file with a broader [Match] may come before ours.
		by=$(networkctl status --no-pager --lines=0 "$2" 2>/dev/null | sed -n 's/^ *Network File: //p')
		[ "$by" = "/etc/systemd/network/$2.network" ] ||
			say "interface $2: networkd knows it by ${by:-no file}, should be /etc/systemd/network/$2.network"
		wg_differences "$2" <"$RUN/dump"
		list_differences "$2" "$(value_of "/sys/class/net/$2/mtu")"
		sysctl_difference "conf/$2/forwarding"
	fi
	rm -f "$RUN/dump"
	sysctl_difference ip_forward
	nft -s list table inet "$TABLE" >"$RUN/firewall" 2>/dev/null || :
	if [ ! -s "$RUN/firewall" ]; then
		say "nft table inet $TABLE: missing"
	elif ! cmp -s "$RUN/firewall" "$STATE/firewall"; then
		say "nft table inet $TABLE: was changed"
	fi
}

# value_of FILE: the one line of a file in /sys. (In /proc/sys a shell reads one character at most.)
value_of() { read -r value <"$1" && say "$value"; }

# sysctl_difference NAME: below net/ipv4, where all that forwards must be 1.
sysctl_difference() {
	value=$(cat "/proc/sys/net/ipv4/$1")
	[ "$value" = 1 ] || say "sysctl net.ipv4.$(say "$1" | tr / .): is $value, should be 1"
}

# list_differences INTERFACE MTU: what list_kernel left in $RUN, the two sides compared.
list_differences() {
	awk -v run="$RUN" -v interface="$1" -v mtu="$2" '
		BEGIN {
			while ((getline line <(run "/want")) > 0) {
				split(line, f, " ")
				if (f[1] == "mtu" && f[2] != mtu)
					print "interface " interface ": MTU is " mtu ", should be " f[2]
			}
			split("address route unreachable", kinds, " ")
			for (k = 1; k <= 3; k++) {
				while ((getline line <(run "/want." kinds[k])) > 0) want[kinds[k], line]
				while ((getline line <(run "/have." kinds[k])) > 0) {
					have[kinds[k], line]
					# Others may refuse prefixes too.
					if (k < 3 && !((kinds[k], line) in want))
						print kinds[k] " " line ": not in the bundle"
				}
				close(run "/want." kinds[k])
				while ((getline line <(run "/want." kinds[k])) > 0)
					if (!((kinds[k], line) in have)) print kinds[k] " " line ": missing"
			}
		}
	'
}

# wg_differences INTERFACE: the dump on stdin against $RUN/want; no key but a public one is printed.
wg_differences() { wg_compare "$1" tell; }

# wg_compare INTERFACE tell|set: a line for each difference; or the words for `wg set` that take all
# of them away, in lines that an argument list has room for, each ending where a peer ends. `wg` is
# given no name: it would wait for one that does not resolve, in the middle of a change.
wg_compare() {
	awk -v want="$RUN/want" -v names="$RUN/names" -v interface="$1" -v mode="$2" '
		function read_key(file,   text) {
			text = ""
			if ((getline text <file) <= 0 && mode == "set") {
				print "cannot read " file >"/dev/stderr"
				unreadable = 1
				exit 1
			}
			close(file)
			return text
		}
		# Whether two comma lists hold the same prefixes.
		function same(a, b,   i, n, m, part, seen) {
			n = split(a, part, ",")
			for (i = 1; i <= n; i++) seen[part[i]]
			m = split(b, part, ",")
			if (n != m) return 0
			for (i = 1; i <= m; i++) if (!(part[i] in seen)) return 0
			return 1
		}
		function short(list,   n, part) {
			n = split(list, part, ",")
			return n <= 8 ? list : n " prefixes"
		}
		function differs(text, words) {
			if (mode == "tell") print text
			else changes = changes " " words
		}
		# where PEER IS: the endpoint that it should have instead of IS. Any address of its name is
		# right, and so is one of IPv6, which networkd may have taken; while the name does not
		# resolve, none is wrong, and one from before is set.
		function where(p, is,   part, at, n, i) {
			if (endpoint[p] ~ /^[0-9.]+:/) return endpoint[p]
			split(endpoint[p], part, ":")
			if (!(part[1] in leads_to) || is ~ /^\[/ || (part[1] in former && mode == "tell")) return is
			n = split(leads_to[part[1]], at, " ")
			for (i = 1; i <= n; i++) if (is == at[i] ":" part[2]) return is
			return at[1] ":" part[2]
		}
		function spelled(p,   part) {
			split(endpoint[p], part, ":")
			return endpoint[p] (part[1] in leads_to ? " (" leads_to[part[1]] ")" : "")
		}
		function called(p) { return "peer " name[p] (replaced[p] ? " with its former key" : "") }
		# put WHOSE: the changes since the last time, behind whose they are.
		function put(whose) {
			if (changes == "") return
			if (length(words) > 60000) { print words; words = "" }
			words = words whose changes
			changes = ""
		}
		BEGIN {
			while ((getline line <want) > 0) {
				split(line, f, " ")
				if (f[1] == "port") port = f[2]
				else if (f[1] == "key") key = f[2]
				else if (f[1] == "peer" || f[1] == "former") {
					if (f[1] == "former") { replaced[f[2]] = 1; if (newest[f[7]] == "") newest[f[7]] = f[2] }
					psk[f[2]] = f[3]; endpoint[f[2]] = f[4]; keepalive[f[2]] = f[5]
					allowed[f[2]] = f[6]; name[f[2]] = f[7]; order[++peers] = f[2]
				}
			}
			while ((getline line <names) > 0) {
				split(line, f, " ")
				if (f[2] == "former") former[f[1]]
				if (f[2] != "never") leads_to[f[1]] = substr(line, length(f[1] f[2]) + 3)
			}
		}
		NR == 1 {
			device = "interface " interface
			if ($1 != read_key(key)) differs(device ": its private key is another one", "private-key " key)
			if ($3 != port) differs(device ": listens on port " $3 ", should be " port, "listen-port " port)
			if ($4 != "off") differs(device ": has the fwmark " $4 ", should have none", "fwmark 0")
			put("")
			next
		}
		!($1 in name) { differs("peer " $1 ": not in the bundle", "remove") }
		$1 in name {
			peer = called($1)
			seen_peer[$1]
			if ($2 != read_key(psk[$1]))
				differs(peer ": its pre-shared key is another one", "preshared-key " psk[$1])
			if ($8 != keepalive[$1])
				differs(peer ": keepalive is " $8 ", should be " keepalive[$1], "persistent-keepalive " keepalive[$1])
			# Of the keys of one spoke, whichever has its prefixes keeps them.
			if ($4 != "(none)") holder[name[$1]]
			if (!same($4, allowed[$1]) && ($4 != "(none)" || newest[name[$1]] == ""))
				differs(peer ": allowed IPs are " short($4) ", should be " short(allowed[$1]), "allowed-ips " allowed[$1])
			if ((at = where($1, $3)) != $3)
				differs(peer ": endpoint is " $3 ", should be " spelled($1), "endpoint " at)
		}
		{ put(" peer " $1) }
		END {
			if (unreadable) exit 1
			for (i = 1; i <= peers; i++) {
				p = order[i]
				gets = ""
				if (newest[name[p]] == "") gets = " allowed-ips " allowed[p]
				# Where none has them, it is served by the newest key that it may still have.
				else if (!(name[p] in holder) && newest[name[p]] == p) gets = " allowed-ips " allowed[p]
				if (p in seen_peer) {
					if (replaced[p] && gets != "")
						differs("peer " name[p] ": none of its keys has its allowed IPs", gets)
					put(" peer " p)
					continue
				}
				if (mode == "set") read_key(psk[p])
				differs(called(p) ": missing", "preshared-key " psk[p] \
					((at = where(p, "")) == "" ? "" : " endpoint " at) \
					" persistent-keepalive " keepalive[p] gets)
				put(" peer " p)
			}
			if (words != "") print words
		}
	'
}
