# --- the receipt: what a removal leaves as somebody else has made it since ---

# Where systemd reads kernel settings from: sysctl.d(5).
SYSCTL_FILES="/etc/sysctl.conf /usr/lib/sysctl.d/*.conf /run/sysctl.d/*.conf /etc/sysctl.d/*.conf"

# keep_changed: a copy of each file of ours that somebody has changed since it was applied, as that
# is not ours to delete. The name is one that nothing reads.
keep_changed() {
	# Between two bundles, the files may be those of either.
	if [ ! -e "$STATE/current" ] || [ -e "$STATE/next" ]; then return; fi
	rm -rf "$RUN/expected"
	bundle_unpack "$STATE/current" "$RUN/expected"
	bundle_paths "$STATE/current" | while read -r path; do
		if [ ! -e "$path" ] || cmp -s "$RUN/expected$path" "$path"; then continue; fi
		cp -a "$path" "$path.kept" || cannot_write "$path.kept"
		say "$path: was changed here since it was applied; what it said is kept in $path.kept"
	done
}

# restore_sysctl NAME WAS: unless a file that is there now wants another value.
restore_sysctl() {
	[ "$(sysctl -n "$1")" != "$2" ] || return 0
	# shellcheck disable=SC2086 # patterns
	other=$(set_by "$1" "$2" $SYSCTL_FILES)
	if [ -n "$other" ]; then
		say "sysctl $1: left at $(sysctl -n "$1"), as $other wants it; it was $2 before"
	else
		sysctl -q "$1=$2"
		say "sysctl $1: $2, as before"
	fi
}

# set_by NAME WAS FILE...: the file that comes to decide on NAME, if it wants another value than WAS.
set_by() {
	set_name=$1 set_was=$2
	shift 2
	for set_file; do [ ! -e "$set_file" ] || say "$set_file"; done | while read -r set_file; do
		awk -F = -v name="$set_name" -v file="$set_file" '
			/^[ \t]*[#;]/ { next }
			{ gsub(/[ \t]/, ""); sub(/^-/, "", $1); gsub(/\//, ".", $1) }
			$1 == name { print $2, file }
		' "$set_file"
	done | awk -v was="$set_was" '{ value = $1; file = $2 } END { if (value != "" && value != was) print file }'
}

# restore_unit UNIT WAS ACTIVE: unless it has come to hold links that are not ours.
restore_unit() {
	if [ "$3" = inactive ]; then
		others=$(managed_links)
		if [ -n "$others" ] && unit_is "$1" active; then
			say "$1: left running, as networkd holds $(one_line "$others") now; it was stopped before"
			return
		fi
	fi
	if [ "$2" = disabled ] && unit_is "$1" enabled; then
		systemctl --quiet disable "$1"
		say "$1: disabled, as before"
	fi
	if [ "$3" = inactive ] && unit_is "$1" active; then
		systemctl stop "$1"
		say "$1: stopped, as before"
	fi
}

# managed_links: those that networkd configures; ours is gone by then.
managed_links() { networkctl --no-legend --no-pager list 2>/dev/null | awk '$5 ~ /^configur/ && $2 != "lo" { print $2 }'; }

# host_name: what the stack calls this host.
host_name() {
	our_bundles | while read -r our; do
		bundle_field "$our" host
		break
	done
}
