# --- the verbs ---

# apply CONNECTION: $SSH_CONNECTION of whoever sent the bundle; empty for a run at the console.
apply() {
	need_root
	lock apply
	receive "$RUN/bundle"
	bundle_check "$RUN/bundle" configuration
	interface=$(bundle_field "$RUN/bundle" interface)
	preflight
	preflight_link "$RUN/bundle" "$interface"
	preflight_reload "$interface"
	preflight_keys "$RUN/bundle"
	look_up "$RUN/bundle" "$interface"
	preflight_names
	attempt stage "$RUN/bundle"
	if [ "$failed" -ne 0 ]; then
		unstage
		die "the change does not fit on this host's disk, or the disk is read-only: nothing was changed"
	fi
	armed=$(uptime_s)
	attempt arm
	if [ "$failed" -ne 0 ]; then
		unstage
		die "the timer that undoes an unconfirmed change cannot be set: nothing was changed"
	fi

	began=$(date +%s)
	attempt activate "$STATE/next" "$interface"
	[ "$failed" -ne 0 ] || attempt verify "$STATE/next" "$interface"
	[ "$failed" -ne 0 ] || attempt prove_way_back "$1"
	if [ "$failed" -ne 0 ]; then
		undo "the change failed"
		die "the change failed and was undone: this host is as it was before"
	fi
	commit
	forget_keys
	say "$(bundle_field "$STATE/current" host): applied, $(wc -l <"$RUN/changed") files changed, the kernel is as the bundle says"
}

# receive FILE: standard input, whole.
receive() { cat >"$1" || cannot_write "$1"; }

# Key files that neither this bundle nor the one before it names, and no former peer needs.
forget_keys() {
	{ bundle_keys "$STATE/current"; bundle_keys "$STATE/previous"; former_keys; } | sort -u >"$RUN/keys"
	for key in "$KEYS"/*; do
		grep -qxF "$key" "$RUN/keys" || rm -f "$key"
	done
}

remove() {
	need_root
	lock remove
	if [ -e "$STATE/before/settings" ]; then
		name=$(host_name)
		attempt take_down >"$RUN/receipt"
		# On the person's screen the receipts of all hosts stand among each other.
		sed "s/^/${name:-$(uname -n)}: /" "$RUN/receipt"
		[ "$failed" -eq 0 ] || exit 1
	else
		say "nothing was applied here"
	fi
	[ ! -e "$STATE/pending" ] || disarm
}

# The installer on stdin is this program, a line that parts, and a bundle of key files.
install_self() {
	need_root
	# Before the lock, which leaves a directory behind: a host that is refused stays as it was.
	preflight
	lock install
	receive "$RUN/installer"
	sed '1,/^#--- payload ---#$/d' "$RUN/installer" >"$RUN/bundle"
	bundle_check "$RUN/bundle" keys
	sed '/^#--- payload ---#$/,$d' "$RUN/installer" >"$RUN/program"
	first=
	[ -e "$PROGRAM" ] || first=yes
	attempt install_parts
	rm -rf "$RUN/keys.new" "$RUN/installer" "$RUN/bundle" "$RUN/program"
	[ "$failed" -ne 0 ] || return 0
	[ -z "$first" ] || wipe
	exit 1
}

install_parts() {
	install -d -o root -g root -m 0755 "${PROGRAM%/*}" "${KEYS%/*}" || cannot_write "$PROGRAM"
	install -d -o root -g root -m 0700 "$STATE" || cannot_write "$STATE"
	install -d -o root -g systemd-network -m 0750 "$KEYS" || cannot_write "$KEYS"
	! put "$RUN/program" "$PROGRAM" root:root 0755 || say "program: installed"
	rm -rf "$RUN/keys.new"
	bundle_unpack "$RUN/bundle" "$RUN/keys.new"
	bundle_files "$RUN/bundle" | while read -r path owner mode; do
		! put "$RUN/keys.new$path" "$path" "$owner" "$mode" || say "key file $path: installed"
	done
	install_units
	bundle_field "$RUN/bundle" revision >"$STATE/base" || cannot_write "$STATE/base"
	# As with a bundle: the stack will not send them again.
	sync -f "$PROGRAM" "$KEYS" "$UNITS"
}

uninstall() {
	remove
	wipe
	say "program and keys: removed"
}

# wipe: what an install has laid down.
wipe() {
	remove_units
	rm -rf "$KEYS" "$STATE"
	rmdir "${KEYS%/*}" 2>/dev/null || :
	rm -f "$PROGRAM"
	# The lock's own directory goes last; a run that waits for it meets no program any more.
	rm -rf "$RUN"
}

differences() {
	if [ -e "$STATE/pending" ]; then
		pending_difference
	elif [ -e "$STATE/next" ]; then
		say "an apply was interrupted: run pulumi up again"
	fi
	if [ ! -e "$STATE/current" ]; then
		say "no bundle: nothing was applied here"
		return
	fi
	look_up "$STATE/current" "$1"
	kernel_differences "$STATE/current" "$1"
	name_differences "$STATE/current" "$1"
	file_differences "$STATE/current"
}

status() {
	need_root
	lock status
	touch "$RUN/none"
	bundle=$STATE/current
	[ -e "$bundle" ] || bundle=$RUN/none
	interface=$(bundle_field "$bundle" interface)
	: >"$RUN/notes"
	differences "$interface" >"$RUN/differences"
	with_formers "$bundle" | former_notes "$interface" >>"$RUN/notes"
	{
		bundle_want "$bundle"
		formers "$bundle"
		[ ! -e "$bundle" ] || say "digest $(sed -n '$s/^end sha256://p' "$bundle")"
		say "revision $(bundle_field "$bundle" revision)"
		[ ! -e "$STATE/base" ] || say "base $(cat "$STATE/base")"
		say "now $(date +%s)"
		say "systemd $(systemd_version)"
		[ ! -s "$RUN/notes" ] || sed 's/^/note /' "$RUN/notes"
		[ -z "$interface" ] || wg show "$interface" dump 2>/dev/null | sed -n '1!s/^/peer_is /p'
	} | status_report "${1:-}" "$(bundle_field "$bundle" host)" "$(bundle_field "$bundle" role)" "$interface"
	[ ! -s "$RUN/differences" ] || exit 3
}

# status_report --json|"" HOST ROLE INTERFACE
status_report() {
	awk -v json="$1" -v host="$2" -v role="$3" -v interface="$4" -v differences="$RUN/differences" '
		# "&&" and not four backslashes: awks disagree on how many of those are left.
		function quote(text,   code) {
			gsub(/\\/, "&&", text)
			gsub(/"/, "\\\"", text)
			if (text ~ /[\001-\037]/)
				for (code = 1; code < 32; code++)
					gsub(sprintf("%c", code), sprintf("\\u%04x", code), text)
			return "\"" text "\""
		}
		# %.0f below: the %d of mawk ends at 2147483647, which is 2 GiB.
		function comma() { return n_out++ ? "," : "" }
		# A spoke is shown by the key that it was heard with last.
		$1 == "former" { formers[$7] = formers[$7] " " $2 }
		$1 == "peer" { name[$2] = $7; order[++peers] = $2 }
		$1 == "address" { address = $2 }
		$1 == "digest" { digest = $2 }
		$1 == "revision" { revision = $2 }
		$1 == "base" { base = $2 }
		$1 == "now" { now = $2 }
		$1 == "systemd" { systemd = $2 }
		$1 == "note" { note[++notes] = substr($0, 6) }
		$1 == "peer_is" { is[$2]; endpoint[$2] = $4; handshake[$2] = $6; rx[$2] = $7; tx[$2] = $8 }
		END {
			for (i = 1; i <= peers; i++) {
				p = order[i]
				n = split(formers[name[p]], f, " ")
				for (j = 1; j <= n; j++)
					if (handshake[f[j]] > handshake[p]) {
						endpoint[p] = endpoint[f[j]]; handshake[p] = handshake[f[j]]
						rx[p] = rx[f[j]]; tx[p] = tx[f[j]]
					}
			}
			if (json == "--json") {
				printf "{\"host\":%s,\"role\":%s,\"interface\":%s,\"address\":%s,\"systemd\":%d,\"bundle\":%s,\"revision\":%d,\"base_revision\":%d,\"peers\":[",
					quote(host), quote(role), quote(interface), quote(address), systemd, quote(digest),
					(revision ? revision : 1), (base ? base : 1)
				for (i = 1; i <= peers; i++) {
					p = order[i]
					printf "%s{\"name\":%s,\"public_key\":%s,\"endpoint\":%s,\"handshake_age_s\":%s,\"rx_bytes\":%.0f,\"tx_bytes\":%.0f}",
						comma(), quote(name[p]), quote(p), (endpoint[p] ~ /:/ ? quote(endpoint[p]) : "null"),
						(handshake[p] > 0 ? now - handshake[p] : "null"), rx[p], tx[p]
				}
				printf "],\"differences\":["
				n_out = 0
				while ((getline line <differences) > 0) printf "%s%s", comma(), quote(line)
				printf "],\"notes\":["
				n_out = 0
				for (i = 1; i <= notes; i++) printf "%s%s", comma(), quote(note[i])
				print "]}"
				exit
			}
			if (host != "") printf "%s: %s, %s %s, systemd %d, bundle %s\n", host, role, interface, address, systemd, substr(digest, 1, 12)
			for (i = 1; i <= peers; i++) {
				p = order[i]
				printf "  peer %s: %s, handshake %s, received %.0f, sent %.0f bytes\n", name[p],
					(endpoint[p] ~ /:/ ? endpoint[p] : "no endpoint yet"),
					(handshake[p] > 0 ? now - handshake[p] " s ago" : "never"), rx[p], tx[p]
			}
			for (i = 1; i <= notes; i++) print "  note: " note[i]
			n = 0
			while ((getline line <differences) > 0) { n++; print "  differs: " line }
			if (!n) print "  as wanted"
		}
	'
}

case "${1:-} ${2:-}" in
"apply " | "apply "*" "*" "*" "*) apply "${2-${SSH_CONNECTION-}}" ;;
"rollback ") rollback ;;
"endpoint ") endpoint ;;
"settle ") settle ;;
"follow ") follow ;;
"pairs ") pairs ;;
"remove ") remove ;;
"status " | "status --json") status "${2:-}" ;;
"install ") install_self ;;
"uninstall ") uninstall ;;
"watch "[a-z]*) watch "$2" ;;
*)
	say "usage: leased-line apply | rollback | settle | follow | endpoint | pairs | remove | status [--json] | install | uninstall | watch NAME" >&2
	exit 2
	;;
esac
exit 0
