# --- the bundle: one text, checked whole, unpacked beside the live files ---

# bundle_field BUNDLE NAME: a line of the head, for example interface.
bundle_field() { awk -v name="$2" '$1 == "file" { exit } $1 == name { print $2; exit }' "$1"; }

# bundle_files BUNDLE: "path owner:group mode", a line each.
bundle_files() { awk '$1 == "file" { print $2, $3, $4 }' "$1"; }

# bundle_units BUNDLE: the units that it brings, which are to run now and at every boot; a service
# that has a timer is started by that.
bundle_units() {
	bundle_paths "$1" | awk '
		sub(/^\/etc\/systemd\/system\//, "") { units[$0] }
		END {
			for (unit in units) {
				timer = unit
				if (!sub(/\.service$/, ".timer", timer) || !(timer in units)) print unit
			}
		}
	'
}

bundle_paths() { [ ! -e "$1" ] || awk '$1 == "file" { print $2 }' "$1"; }

# our_bundles: the applied one, the one being applied, and those whose apply was cut short: all
# that ever named a file or an interface which may still be there.
our_bundles() {
	for our in "$STATE/current" "$STATE/next" "$STATE"/interrupted/*; do
		[ ! -e "$our" ] || say "$our"
	done
}

our_paths() { our_bundles | while read -r our; do bundle_paths "$our"; done | sort -u; }

our_interfaces() { our_bundles | while read -r our; do bundle_field "$our" interface; done | sort -u; }

# bundle_check BUNDLE KIND: refuses what is not whole, or touches anything but its own.
bundle_check() {
	[ "$(sed -n 1p "$1")" = "leased-line bundle 1" ] ||
		die "what arrived is no bundle that this version knows: nothing was changed; run pulumi up again"
	[ "$(sed -n '$s/^end sha256://p' "$1")" = "$(sed '$d' "$1" | sha256sum | cut -d ' ' -f 1)" ] ||
		die "the bundle did not arrive whole: nothing was changed; run pulumi up again"
	check_interface=$(bundle_field "$1" interface)
	case $check_interface in
	"" | [!a-z]* | *[!a-z0-9_-]*)
		die "the bundle names no interface that it could own, so nothing was changed: $check_interface"
		;;
	esac
	check_foreign=$(awk -v interface="$check_interface" -v kind="$2" -v keys="$KEYS/" '
		function own(path) {
			if (path ~ /\.\.|\/\//) return 0
			if (kind == "keys") return index(path, keys) == 1 && path ~ /\/[0-9a-f]+\.(key|psk)$/
			if (path == "/etc/systemd/network/" interface ".netdev") return 1
			if (path == "/etc/systemd/network/" interface ".network") return 1
			if (path ~ /^\/etc\/systemd\/network\/[^\/]+\.netdev\.d\/peer-[a-z0-9-]+\.conf$/)
				return index(path, "/etc/systemd/network/" interface ".netdev.d/") == 1
			if (path == "/etc/sysctl.d/10-ip-forward.conf") return 1
			if (path == "/etc/leased-line/firewall.nft") return 1
			if (path == "/etc/systemd/system/leased-line-endpoint.timer") return 1
			return path ~ /^\/etc\/systemd\/system\/leased-line(-probe|-endpoint|-watch)?\.service$/
		}
		$1 == "file" && !own($2) { print $2 }
	' "$1")
	[ -z "$check_foreign" ] ||
		die "the bundle touches files that are not its own, so nothing was changed: $(one_line "$check_foreign")"
	[ "$2" = keys ] || bundle_check_match "$1" "$check_interface"
}

# A [Match] broader than our interface would make networkd take over the host's other links.
bundle_check_match() {
	match=$(awk '
		/^file / { network = $2 ~ /\.network$/ }
		!network { next }
		{ sub(/^\|[ \t]*/, "") }
		/^\[/ { in_match = /^\[Match\]/; next }
		in_match && /./
	' "$1")
	[ "$match" = "Name=$2" ] ||
		die "the bundle's .network file matches more than $2, so nothing was changed: $(one_line "$match")"
}

# bundle_unpack BUNDLE ROOT
bundle_unpack() {
	bundle_paths "$1" | sed "s,/[^/]*\$,,;s,^,$2," | sort -u | xargs -r mkdir -p
	awk -v root="$2" '
		/^file / { if (out) close(out); out = root $2; printf "" >out; next }
		/^\|/ { print substr($0, 2) >out }
	' "$1"
}

# bundle_want BUNDLE: what the kernel must hold, read from the same files that networkd reads:
#   mtu N | port N | key FILE | address A/L | route D | unreachable D
#   peer PUBLIC PSKFILE ENDPOINT KEEPALIVE ALLOWED,ALLOWED NAME
bundle_want() {
	awk '
		function flush() {
			if (public != "") print "peer", public, psk, endpoint, keepalive, allowed, name
			else if (destination != "") print (type == "unreachable" ? type : "route"), destination
			public = destination = type = allowed = ""
			endpoint = "-"
		}
		BEGIN { endpoint = "-" }
		/^file / {
			flush()
			section = ""
			networkd = $2 ~ /^\/etc\/systemd\/network\//
			name = $2
			sub(/.*\/peer-/, "", name)
			sub(/\.conf$/, "", name)
			next
		}
		!networkd { next }
		/^\|\[/ { flush(); section = substr($0, 2); next }
		/^\|[A-Za-z]+=/ {
			split(substr($0, 2), pair, "=")
			value = substr($0, length(pair[1]) + 3)
			field = section pair[1]
			if (field == "[NetDev]MTUBytes") print "mtu", value
			else if (field == "[WireGuard]ListenPort") print "port", value
			else if (field == "[WireGuard]PrivateKeyFile") print "key", value
			else if (field == "[WireGuardPeer]PublicKey") public = value
			else if (field == "[WireGuardPeer]PresharedKeyFile") psk = value
			else if (field == "[WireGuardPeer]Endpoint") endpoint = value
			else if (field == "[WireGuardPeer]AllowedIPs") allowed = allowed (allowed == "" ? "" : ",") value
			else if (field == "[WireGuardPeer]PersistentKeepalive") keepalive = value
			else if (field == "[Network]Address") print "address", value
			else if (field == "[Route]Destination") destination = value
			else if (field == "[Route]Type") type = value
		}
		END { flush() }
	' "$1"
}

# bundle_keys BUNDLE: the key files that it names.
bundle_keys() { [ ! -e "$1" ] || sed -n 's/^|\(PrivateKeyFile\|PresharedKeyFile\)=//p' "$1"; }

