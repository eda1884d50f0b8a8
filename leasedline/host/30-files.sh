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

# preflight_reload INTERFACE: an interface that is not there yet costs a reload of networkd.
preflight_reload() {
	! link_exists "$1" || return 0
	unit_is systemd-networkd.service active || return 0
	say "$1" >"$RUN/interfaces"
	stale=$(stale_netdev "$RUN/interfaces")
	[ -z "$stale" ] || die "$1 needs a reload of networkd, so nothing was changed: $(stale_netdev_says "$stale")"
}

# stale_netdev OURS: "INTERFACE FILE", a line for each WireGuard interface that is not listed in OURS
# and whose .netdev or drop-in networkd has not read since it was changed: from 257 the next reload
# gives such an interface all its peers anew, which cuts their sessions (systemd#38196).
stale_netdev() {
	[ "$(systemd_version)" -ge 257 ] || return 0
	others=$(wg show interfaces | tr ' ' '\n' | only_in /dev/stdin "$1")
	[ -n "$others" ] || return 0
	# It changes when networkd has started or reloaded (systemd, org.freedesktop.systemd1(5)).
	touch -d "$(systemctl show --timestamp=us --value -p StateChangeTimestamp systemd-networkd.service)" "$RUN/read"
	for other in $others; do
		in_networks -name '*.netdev' -exec grep -lxF "Name=$other" {} + | while read -r netdev; do
			in_networks -newer "$RUN/read" -path "*/${netdev##*/}*" -type f | sed "s,^,$other ,"
		done
	done
}

# in_networks EXPRESSION...: find(1), where networkd reads (systemd.netdev(5)).
in_networks() {
	for networks in $NETWORKS; do
		[ ! -d "$networks" ] || find "$networks" "$@"
	done
}

# stale_netdev_says "INTERFACE FILE"...
stale_netdev_says() {
	say "systemd $(systemd_version) would cut all sessions of ${1%% *} at it, since $(say "$1" | sed -n '1s/[^ ]* //p') was changed after networkd read it; run networkctl reload when that may be"
}

preflight_keys() {
	missing=$(bundle_keys "$1" | while read -r key; do [ -s "$key" ] || say "$key"; done)
	[ -z "$missing" ] ||
		die "key files are missing, and only the stack has them (docs/3am.md, \"key files are missing\"): $(one_line "$missing")"
}

# unit_states UNIT...: "unit enabled active fresh" as systemd says it, a line each, in one call. The
# last is "stale" where a file of the unit is not as systemd has read it.
unit_states() {
	systemctl show -p Id -p UnitFileState -p ActiveState -p NeedDaemonReload "$@" | awk -F = '
		NF { is[$1] = $2; seen++ }
		seen == 4 {
			print is["Id"], (is["UnitFileState"] == "" ? "-" : is["UnitFileState"]), is["ActiveState"], \
				(is["NeedDaemonReload"] == "yes" ? "stale" : "fresh")
			seen = 0
		}
	'
}

# A reload of systemd reads all units of the host, which takes a small one as long as all the rest of
# a change. So nothing below reloads implicitly, and what does reloads once.

# enable_units UNIT...: each one enabled, and known to systemd as its files say, as is the service of a
# timer. Leaves in $RUN/units what unit_states said before.
enable_units() {
	for enabled; do
		case $enabled in *.timer) set -- "$@" "${enabled%.timer}.service" ;; esac
	done
	unit_states "$@" >"$RUN/units"
	disabled=$(disabled_units <"$RUN/units" | cut -d ' ' -f 1)
	now=$(cat "$RUN/units")
	if [ -n "$disabled" ]; then
		# In words, as it is written.
		# shellcheck disable=SC2086
		systemctl --quiet --no-reload enable $disabled
		now=$(unit_states "$@")
	fi
	# What it has loaded, systemd takes for disabled until it is told otherwise.
	if say "$now" | grep -q ' stale$' || [ -n "$(say "$now" | disabled_units)" ]; then
		systemctl daemon-reload
	fi
}

# disabled_units: of unit_states. What its timer starts has no other state than static.
disabled_units() { awk '$2 != "enabled" && $2 != "static"'; }

# end_units UNIT...: stops them for good. Who then removes their files has to reload. One that failed
# would else be listed as failed when it is gone.
end_units() {
	for ended; do systemctl --quiet --no-reload disable "$ended" 2>/dev/null || :; done
	systemctl --quiet stop "$@" 2>/dev/null || :
	systemctl --quiet reset-failed "$@" 2>/dev/null || :
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
	recorded=
	if [ ! -s "$STATE/before/settings" ]; then
		{
			# The second is set to 0 by the kernel's WireGuard whenever a device of its kind comes up.
			for name in net.ipv4.ip_forward net.ipv4.conf.all.send_redirects; do
				say "sysctl $name $(sysctl -n "$name")"
			done
			# The socket before the service: it would start the service again.
			unit_states systemd-networkd.socket systemd-networkd.service systemd-networkd-wait-online.service |
				awk '{ print "unit", $1, $2, $3 }'
		} >"$STATE/before/settings.new"
		mv "$STATE/before/settings.new" "$STATE/before/settings"
		recorded=settings
	fi
	our_paths >"$RUN/ours"
	bundle_paths "$1" | sort -u | comm -23 - "$RUN/ours" >"$RUN/new"
	while read -r path; do
		record_directories "${path%/*}"
		if [ -e "$path" ]; then
			mkdir -p "$STATE/before/files${path%/*}"
			cp -a "$path" "$STATE/before/files$path"
			recorded=$path
		fi
	done <"$RUN/new"
	# Before a bundle says that these paths are ours: what a power cut leaves of a copy may be empty.
	[ -z "$recorded" ] || sync -f "$STATE"
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

remove_directories() {
	[ ! -e "$STATE/before/directories" ] || sort -ru "$STATE/before/directories" | while read -r directory; do
		# Whatever somebody else has put there since is not ours to delete.
		rmdir "$directory" 2>/dev/null || [ ! -d "$directory" ] || say "$directory: left, it is not empty"
	done
}

# put_beside SOURCE PATH OWNER:GROUP MODE: beside the live file, and only where something differs,
# since a new time stamp alone makes networkd take a file for changed. Succeeds if it wrote.
put_beside() {
	if cmp -s "$1" "$2" && [ "$(stat -c '%U:%G 0%a' "$2")" = "$3 $4" ]; then
		return 1
	fi
	{
		{ [ -d "${2%/*}" ] || mkdir -p "${2%/*}"; } &&
			install -o "${3%:*}" -g "${3#*:}" -m "$4" "$1" "$2.leased-line"
	} || {
		rm -f "$2.leased-line"
		cannot_write "$2"
	}
}

cannot_write() { die "cannot write $1: is the disk full or read-only?"; }

# keep_state FILE NAME: FILE becomes $STATE/NAME in one step, and only where it differs: what is as it
# was is not written again, since this runs for changes of other hosts too.
keep_state() {
	cmp -s "$1" "$STATE/$2" || { cp "$1" "$STATE/$2.new" && mv "$STATE/$2.new" "$STATE/$2"; } ||
		cannot_write "$STATE/$2"
}

# put SOURCE PATH OWNER:GROUP MODE: the same, and then in the live file's place, in one step.
put() {
	put_beside "$@" || return 1
	mv -f "$2.leased-line" "$2"
}

# stage_files BUNDLE: everything that differs lies beside the live files; its paths in $RUN/staged.
stage_files() {
	rm -rf "$RUN/stage"
	bundle_unpack "$1" "$RUN/stage"
	: >"$RUN/staged"
	bundle_files "$1" | while read -r path owner mode; do
		! put_beside "$RUN/stage$path" "$path" "$owner" "$mode" || say "$path" >>"$RUN/staged"
	done
}

# unstage_files: what lies beside the live files and has not taken their place.
unstage_files() { our_paths | sed 's/$/.leased-line/' | xargs -r rm -f; }

# put_files BUNDLE: what is staged becomes live; leaves the changed paths in $RUN/changed.
put_files() {
	: >"$RUN/changed"
	while read -r path; do
		mv -f "$path.leased-line" "$path"
		say "$path" >>"$RUN/changed"
	done <"$RUN/staged"
	our_paths >"$RUN/ours"
	bundle_paths "$1" | sort -u | comm -13 - "$RUN/ours" >"$RUN/leaving"
	while read -r path; do
		# systemd knows no way to disable a unit whose file is gone.
		case $path in "$UNITS"/*) end_units "${path##*/}" ;; esac
		put_back "$path"
		say "$path" >>"$RUN/changed"
	done <"$RUN/leaving"
	! grep -q "^$UNITS/" "$RUN/leaving" || systemctl daemon-reload
}

# Owner and mode of the key files that the bundle names, as networkd needs them. A hub has one for
# each of its spokes, so one process looks at all of them.
mend_keys() {
	bundle_keys "$1" >"$RUN/keys"
	xargs -r chown root:systemd-network <"$RUN/keys"
	xargs -r chmod 0640 <"$RUN/keys"
}

changed() { grep -q "$1" "$RUN/changed"; }

# put_back PATH: what stood there before the first apply, or nothing.
put_back() {
	if [ -e "$STATE/before/files$1" ]; then
		cp -a "$STATE/before/files$1" "$1.leased-line" || cannot_write "$1"
		mv -f "$1.leased-line" "$1"
		say "$1: restored"
	else
		rm -f "$1" "$1.leased-line"
	fi
}

# file_differences BUNDLE: content, owner and mode of every file against the bundle, and the units.
# A hub has a file for each of its spokes, so one process looks at all of them.
file_differences() {
	rm -rf "$RUN/expected"
	bundle_unpack "$1" "$RUN/expected"
	bundle_files "$1" >"$RUN/files"
	bundle_paths "$1" | xargs -r stat -c '%n %U:%G 0%a' >"$RUN/is" 2>/dev/null || :
	{ bundle_paths "$1"; bundle_paths "$1" | sed "s,^,$RUN/expected,"; } |
		xargs -r sha256sum >"$RUN/sums" 2>/dev/null || :
	awk -v run="$RUN" '
		BEGIN {
			while ((getline line <(run "/is")) > 0) { split(line, f, " "); is[f[1]] = f[2] " " f[3] }
			while ((getline line <(run "/sums")) > 0) { split(line, f, " "); sum[f[2]] = f[1] }
			while ((getline line <(run "/files")) > 0) {
				split(line, f, " ")
				if (!(f[1] in is)) { print "file " f[1] ": missing"; continue }
				if (sum[f[1]] != sum[run "/expected" f[1]]) print "file " f[1] ": content was changed"
				if (is[f[1]] != f[2] " " f[3])
					print "file " f[1] ": is " is[f[1]] ", should be " f[2] " " f[3]
			}
		}
	'
	key_differences "$1"
	# shellcheck disable=SC2046 # a unit's name is one word
	unit_states systemd-networkd.service "$ROLLBACK.service" $(bundle_units "$1") $(former_unit) |
		while read -r unit enabled active _; do
			[ "$enabled" = enabled ] || say "unit $unit: is $enabled, so it is lost at the next boot"
			# This one has work to do only while a change waits to be confirmed.
			[ "$active" = active ] || [ "$unit" = "$ROLLBACK.service" ] || say "unit $unit: is $active"
		done
}

# key_differences BUNDLE: owner and mode of the key files that it names, and whether each holds the
# key whose fingerprint is its name. The fingerprints are made where nobody else can read.
key_differences() {
	is=$(stat -c '%U:%G 0%a' "$KEYS" 2>/dev/null || say missing)
	[ "$is" = "root:systemd-network 0750" ] ||
		say "key directory $KEYS: is $is, should be root:systemd-network 0750"
	bundle_keys "$1" | sort -u >"$RUN/keys"
	rm -rf "$RUN/prints"
	mkdir "$RUN/prints"
	awk -v prints="$RUN/prints/" '
		{
			file = prints $0
			sub(/.*\//, prints, file)
			if ($0 ~ /\.psk$/ && (getline key <$0) > 0) { printf "pre-shared key %s", key >file; close(file) }
			close($0)
		}
	' "$RUN/keys"
	grep '\.key$' "$RUN/keys" | while read -r path; do
		wg pubkey <"$path" 2>/dev/null | tr -d '\n' >"$RUN/prints/${path##*/}" || :
	done 2>/dev/null
	find "$RUN/prints" -type f -exec sha256sum {} + >"$RUN/sums"
	rm -rf "$RUN/prints"
	xargs -r stat -c '%n %U:%G 0%a' <"$RUN/keys" >"$RUN/is" 2>/dev/null || :
	awk -v run="$RUN" -v should="root:systemd-network 0640" '
		BEGIN {
			while ((getline line <(run "/is")) > 0) { split(line, f, " "); is[f[1]] = f[2] " " f[3] }
			while ((getline line <(run "/sums")) > 0) {
				n = split(line, f, "/")
				print_of[f[n]] = substr(line, 1, 16)
			}
			while ((getline path <(run "/keys")) > 0) {
				name = path
				sub(/.*\//, "", name)
				if (!(path in is)) { print "key file " path ": missing"; continue }
				if (print_of[name] != substr(name, 1, 16))
					print "key file " path ": holds another key than its name says"
				if (is[path] != should) print "key file " path ": is " is[path] ", should be " should
			}
		}
	'
}
