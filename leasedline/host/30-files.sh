# --- files and units: what was there before, what is put there, how it goes back ---

# All that is missing, in one message, before anything is touched.
preflight() {
	faults=""
	packages=""
	command -v wg >/dev/null || packages="$packages wireguard-tools"
	command -v nft >/dev/null || packages="$packages nftables"
	command -v ip >/dev/null || packages="$packages iproute2"
	command -v ping >/dev/null || packages="$packages iputils-ping"
	[ -z "$packages" ] ||
		faults="$faults; programs are missing: apt-get install$packages (or your system's packages of these names)"
	if ! command -v networkctl >/dev/null || ! getent group systemd-network >/dev/null; then
		faults="$faults; systemd-networkd is not installed: this tool needs it"
	elif [ "$(systemd_version)" -lt 249 ]; then
		faults="$faults; systemd $(systemd_version) is too old: 249 or later is needed (Debian 12, Ubuntu 22.04)"
	elif unit_is systemd-networkd.service masked; then
		faults="$faults; systemd-networkd is masked: systemctl unmask systemd-networkd"
	fi
	[ -e /sys/module/wireguard ] || modprobe -q wireguard 2>/dev/null ||
		faults="$faults; the kernel has no WireGuard (modprobe wireguard fails): use a kernel of 5.6 or later with it"
	[ -z "$faults" ] || die "cannot hold the line: ${faults#; }"
}

# preflight_link BUNDLE INTERFACE: never take what belongs to somebody else.
preflight_link() {
	! our_interfaces | grep -qxF "$2" || return 0
	! link_exists "$2" ||
		die "the interface $2 exists and is not ours: remove it, or set interface: in the network file to a free name"
	[ ! -e "$STATE/current" ] || return 0
	port=$(bundle_want "$1" | awk '$1 == "port" { print $2 }')
	[ -z "$(ss -Hlun "sport = :$port")" ] ||
		die "UDP port $port is in use on this host: free it, or set port: in the network file to a free one"
}

preflight_keys() {
	missing=$(bundle_keys "$1" | while read -r key; do [ -s "$key" ] || say "$key"; done)
	[ -z "$missing" ] ||
		die "key files are missing, and only the stack has them (docs/3am.md, \"key files are missing\"): $(one_line "$missing")"
}

# unit_states UNIT...: "unit enabled active" as systemd says it, a line each, in one call.
unit_states() {
	systemctl show -p Id -p UnitFileState -p ActiveState "$@" | awk -F = '
		{ is[$1] = $2 }
		$1 == "UnitFileState" || $1 == "ActiveState" || $1 == "Id" { seen++ }
		seen == 3 { print is["Id"], (is["UnitFileState"] == "" ? "-" : is["UnitFileState"]), is["ActiveState"]; seen = 0 }
	'
}

# unit_is UNIT STATE...: whether its line of unit_states holds all of these words.
unit_is() {
	unit_line=" $(unit_states "$1") "
	shift
	for state in "$@"; do
		case $unit_line in *" $state "*) ;; *) return 1 ;; esac
	done
}

# record BUNDLE: once the host's settings, and each file of the bundle that was there before us.
record() {
	mkdir -p "$STATE/before/files"
	chmod 0700 "$STATE"
	if [ ! -e "$STATE/before/settings" ]; then
		{
			# The second is set to 0 by the kernel's WireGuard whenever a device of its kind comes up.
			for name in net.ipv4.ip_forward net.ipv4.conf.all.send_redirects; do
				say "sysctl $name $(sysctl -n $name)"
			done
			# The socket before the service: it would start the service again.
			unit_states systemd-networkd.socket systemd-networkd.service systemd-networkd-wait-online.service |
				sed 's/^/unit /'
		} >"$STATE/before/settings.new"
		mv "$STATE/before/settings.new" "$STATE/before/settings"
	fi
	our_paths >"$RUN/ours"
	bundle_paths "$1" | sort -u | comm -23 - "$RUN/ours" | while read -r path; do
		record_directories "${path%/*}"
		if [ -e "$path" ] && [ ! -e "$STATE/before/files$path" ]; then
			mkdir -p "$STATE/before/files${path%/*}"
			cp -a "$path" "$STATE/before/files$path"
		fi
	done
}

# record_directories DIRECTORY: each one that we are about to make, the deepest first.
record_directories() {
	missing_directory=$1
	while [ ! -d "$missing_directory" ]; do
		grep -qsxF "$missing_directory" "$STATE/before/directories" ||
			say "$missing_directory" >>"$STATE/before/directories"
		missing_directory=${missing_directory%/*}
	done
}

# put SOURCE PATH OWNER:GROUP MODE: atomically, and only where something differs, since a new
# time stamp alone makes networkd take a file for changed. Succeeds if it changed something.
put() {
	if cmp -s "$1" "$2" && [ "$(stat -c '%U:%G 0%a' "$2")" = "$3 $4" ]; then
		return 1
	fi
	{
		{ [ -d "${2%/*}" ] || mkdir -p "${2%/*}"; } &&
			install -o "${3%:*}" -g "${3#*:}" -m "$4" "$1" "$2.leased-line" &&
			mv -f "$2.leased-line" "$2"
	} || die "cannot write $2: is the disk full or read-only?"
}

# put_files BUNDLE ROOT: brings the live files to the bundle; leaves the changed paths in $RUN/changed.
put_files() {
	: >"$RUN/changed"
	bundle_files "$1" | while read -r path owner mode; do
		! put "$2$path" "$path" "$owner" "$mode" || say "$path" >>"$RUN/changed"
	done
	our_paths >"$RUN/ours"
	bundle_paths "$1" | sort -u | comm -13 - "$RUN/ours" | while read -r path; do
		put_back "$path"
		say "$path" >>"$RUN/changed"
	done
}

# Owner and mode of the key files that the bundle names, as networkd needs them.
mend_keys() {
	bundle_keys "$1" | while read -r key; do
		chown root:systemd-network "$key"
		chmod 0640 "$key"
	done
}

changed() { grep -q "$1" "$RUN/changed"; }

# put_back PATH: what stood there before the first apply, or nothing.
put_back() {
	rm -f "$1" "$1.leased-line"
	if [ -e "$STATE/before/files$1" ]; then
		cp -a "$STATE/before/files$1" "$1"
		say "$1: restored"
	fi
}

# file_differences BUNDLE: content, owner and mode of every file against the bundle.
file_differences() {
	rm -rf "$RUN/expected"
	bundle_unpack "$1" "$RUN/expected"
	bundle_files "$1" | while read -r path owner mode; do
		if [ ! -e "$path" ]; then
			say "file $path: missing"
			continue
		fi
		cmp -s "$RUN/expected$path" "$path" || say "file $path: content was changed"
		is="$(stat -c '%U:%G 0%a' "$path")"
		[ "$is" = "$owner $mode" ] || say "file $path: is $is, should be $owner $mode"
	done
	bundle_keys "$1" | while read -r path; do
		is="$(stat -c '%U:%G 0%a' "$path" 2>/dev/null || say missing)"
		[ "$is" = "root:systemd-network 0640" ] ||
			say "key file $path: is $is, should be root:systemd-network 0640"
	done
	# shellcheck disable=SC2046 # a unit's name is one word
	unit_states systemd-networkd.service $(bundle_units "$1") | while read -r unit enabled active; do
		[ "$enabled" = enabled ] || say "unit $unit: is $enabled, so it is lost at the next boot"
		[ "$active" = active ] || say "unit $unit: is $active"
	done
}

