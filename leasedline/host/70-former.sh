# --- former peers: an office whose key changes is served by whichever of its keys it answers with ---
#
# A bundle says a spoke's new key only, and so do networkd's files. The hub keeps the key that this
# replaces as a former peer, in the kernel beside the new one, until the stack knows that the spoke
# has confirmed (`settle`). An address belongs to one peer at a time (whitepaper of WireGuard, 2), so
# the spoke's prefixes go to the peer that it was heard from last. That works both ways: a spoke that
# undoes its change comes back with the former key.
#
# $STATE/formers has a line "NAME PUBLIC PSKFILE" each, the oldest first: several for a spoke that
# missed several rotations. $STATE/followed is what the unit works by.

FORMER=leased-line-former

# Looks in a row without any news, 5 in a second, after which an office counts as away, and the unit
# looks every 2 s: a session that is in use is renewed every 120 s (REKEY_AFTER_TIME).
FOLLOW_AWAY=900

# formers BUNDLE: as bundle_want says peers, a line for each former one, the newest first. One whose
# key the bundle wants again, or whose spoke is gone, is none.
formers() {
	[ -s "$STATE/formers" ] || return 0
	bundle_want "$1" | awk -v formers="$STATE/formers" '
		$1 == "peer" { wanted[$2]; keepalive[$7] = $5; allowed[$7] = $6 }
		END {
			while ((getline line <formers) > 0) lines[++n] = line
			for (; n > 0; n--) {
				split(lines[n], f, " ")
				if (!(f[2] in wanted) && (f[1] in allowed))
					print "former", f[2], f[3], "-", keepalive[f[1]], allowed[f[1]], f[1]
			}
		}
	'
}

# with_formers BUNDLE: the former peers, and the peers whose they are.
with_formers() {
	[ -s "$STATE/formers" ] || return 0
	{ formers "$1"; bundle_want "$1"; } | awk '
		$1 == "former" { has[$7]; print }
		$1 == "peer" && ($7 in has)
	'
}

# keep_formers BUNDLE: those of the bundle in force whose spoke gets another key with this one. As
# long as the bundle in force is not another one, this changes nothing.
keep_formers() {
	[ -e "$STATE/current" ] || return 0
	[ "$(bundle_field "$1" role)" = hub ] || return 0
	{
		[ ! -e "$STATE/formers" ] || sed 's/^/kept /' "$STATE/formers"
		bundle_want "$STATE/current" | sed -n 's/^peer/was/p'
		bundle_want "$1"
	} | awk '
		function keep(name, public, psk) {
			line[public] = name " " public " " psk
			order[++n] = public
			last[public] = n
		}
		$1 == "kept" { keep($2, $3, $4) }
		$1 == "was" { was[++peers] = $2; psk[$2] = $3; name[$2] = $7 }
		$1 == "peer" { wanted[$7] = $2 }
		END {
			for (i = 1; i <= peers; i++) {
				public = was[i]
				if ((name[public] in wanted) && wanted[name[public]] != public)
					keep(name[public], public, psk[public])
			}
			for (i = 1; i <= n; i++) if (last[order[i]] == i) print line[order[i]]
		}
	' >"$STATE/formers.new" || cannot_write "$STATE/formers"
	replace_formers
}

# replace_formers: formers.new takes its place, or both go where nothing is left.
replace_formers() {
	if [ -s "$STATE/formers.new" ]; then
		mv "$STATE/formers.new" "$STATE/formers"
	else
		rm -f "$STATE/formers.new" "$STATE/formers"
	fi
}

# forget_formers BUNDLE: those that are none by this bundle.
forget_formers() {
	[ -e "$STATE/formers" ] || return 0
	formers "$1" | awk '{ lines[++n] = $7 " " $2 " " $3 } END { for (; n > 0; n--) print lines[n] }' \
		>"$STATE/formers.new" || cannot_write "$STATE/formers"
	replace_formers
}

# former_keys: the pre-shared keys that they need.
former_keys() { [ ! -e "$STATE/formers" ] || awk '{ print $3 }' "$STATE/formers"; }

former_unit() { [ ! -s "$STATE/formers" ] || say "$FORMER.service"; }

# activate_formers BUNDLE INTERFACE: the unit that follows them, as long as there are any. It is
# started anew: what it saw before is not what it is to look at now.
activate_formers() {
	with_formers "$1" >"$RUN/followed"
	if [ ! -s "$RUN/followed" ]; then
		remove_former_unit
		return
	fi
	{ say "interface $2"; cat "$RUN/followed"; } >"$STATE/followed.new" || cannot_write "$STATE/followed"
	mv "$STATE/followed.new" "$STATE/followed"
	cat >"$RUN/former.service" <<-END
		[Unit]
		Description=Leased line: serves an office by its former key until it has the new one
		After=network.target systemd-networkd.service
		StartLimitIntervalSec=0

		[Service]
		ExecStart=$PROGRAM follow
		Restart=always
		RestartSec=1

		[Install]
		WantedBy=multi-user.target
	END
	put "$RUN/former.service" "$UNITS/$FORMER.service" root:root 0644 || :
	enable_units "$FORMER.service"
	systemctl restart "$FORMER.service"
}

remove_former_unit() {
	rm -f "$STATE/followed"
	[ -e "$UNITS/$FORMER.service" ] || return 0
	end_units "$FORMER.service"
	rm -f "$UNITS/$FORMER.service"
	systemctl daemon-reload
	say "unit $FORMER.service: removed"
}

# follow: the unit. It takes no lock: it must go on while a change waits for the spoke. After a boot
# or a restart of networkd, whose files know no former peers, it puts them back.
follow() {
	need_root
	interface=$(awk '$1 == "interface" { print $2 }' "$STATE/followed")
	seen=
	still=0
	while :; do
		now=$(wg show "$interface" latest-handshakes 2>/dev/null) || now=
		if [ "$now" = "$seen" ]; then
			still=$((still + 1))
		else
			still=0
			[ -z "$now" ] || follow_news "$interface" "$seen" "$now"
			seen=$now
		fi
		if [ "$still" -lt "$FOLLOW_AWAY" ]; then sleep 0.2; else sleep 2; fi
	done
}

# follow_news INTERFACE SEEN NOW: brings the kernel to what was heard between two looks. It starts few
# programs: until it is through, what the spoke sends with its other key is dropped.
follow_news() {
	{
		printf 'seen\n%s\nnow\n%s\nholds\n' "$2" "$3"
		wg show "$1" allowed-ips
	} | follow_steps | while read -r step public rest; do
		# In words, as it is written.
		# shellcheck disable=SC2086
		case $step in
		add) follow_add "$1" "$public" $rest ;;
		give) follow_give "$1" "$public" $rest ;;
		esac || continue # wg has said why, and the other offices need theirs
	done
}

follow_add() { wg set "$1" peer "$2" preshared-key "$3" persistent-keepalive "$4"; }

follow_give() {
	# In one call: `wg` takes them from the other peer, and no packet finds neither.
	wg set "$1" peer "$2" allowed-ips "$3"
	say "$4: answers with its $5 key"
}

# follow_steps: the peer with a new handshake gets the prefixes of its spoke. What changed between two
# looks counts, not the greater time: the clock may be set meanwhile. At the first look there is only
# the time. Prints "add PUBLIC PSKFILE KEEPALIVE" and "give PUBLIC ALLOWED NAME former|new".
follow_steps() {
	awk -v followed="$STATE/followed" '
		NF == 1 { part = $1; next }
		part == "seen" { seen[$1] = $2 }
		part == "now" { now[$1] = $2 }
		part == "holds" && $2 != "(none)" { holds[$1] }
		END {
			while ((getline line <followed) > 0) {
				split(line, f, " ")
				if (f[1] == "interface") continue
				k = key[++n] = f[2]
				kind[k] = f[1]; psk[k] = f[3]; keepalive[k] = f[5]; allowed[k] = f[6]; name[k] = f[7]
			}
			for (i = 1; i <= n; i++) {
				k = key[i]
				if (!(k in now)) {
					if (kind[k] == "former") print "add", k, psk[k], keepalive[k]
					continue
				}
				if (now[k] == 0 || ((k in seen) && seen[k] == now[k])) continue
				other = heard[name[k]]
				if (other == "" || now[k] > now[other] || (now[k] == now[other] && kind[k] == "peer"))
					heard[name[k]] = k
			}
			for (i = 1; i <= n; i++) {
				k = key[i]
				if (heard[name[k]] == k && !(k in holds))
					print "give", k, allowed[k], name[k], (kind[k] == "former" ? "former" : "new")
			}
		}
	'
}

# settle: the stack says on stdin, "NAME PUBLIC" each, which spokes have confirmed which key. Their
# former peers go, once they were heard with that key.
settle() {
	need_root
	lock settle
	receive "$RUN/settled"
	[ ! -e "$STATE/pending" ] || die "a change of this host waits to be confirmed or undone, so no former key is forgotten: run pulumi up again"
	if [ ! -s "$STATE/formers" ]; then
		say "no former key is left"
		return
	fi
	interface=$(bundle_field "$STATE/current" interface)
	with_formers "$STATE/current" >"$RUN/followed"
	until_true "$WAIT_PROOF" all_settled "$interface" || :
	settle_peers "$interface"
	sed -n 's/^unsettled //p' "$RUN/settling" | while read -r difference; do warn "$difference"; done
	! grep -q '^unsettled ' "$RUN/settling" ||
		die "a former key is still needed, so it is kept and the line goes on: run pulumi up again"
}

# settle_peers INTERFACE: takes those away that $RUN/settling says. First on the disk and with the
# unit, which would put them back.
settle_peers() {
	awk -v settling="$RUN/settling" '
		BEGIN { while ((getline line <settling) > 0) { split(line, f, " "); if (f[1] == "settled") gone[f[2]] } }
		!($1 in gone)
	' "$STATE/formers" >"$STATE/formers.new" || cannot_write "$STATE/formers"
	replace_formers
	sync "$STATE"
	activate_formers "$STATE/current" "$1"
	sed -n 's/^settled //p' "$RUN/settling" | while read -r name keys; do
		for key in $keys; do wg set "$1" peer "$key" remove; done
		say "$name: its former key is forgotten"
	done
	forget_keys
}

# all_settled INTERFACE: leaves in $RUN/settling "settled NAME FORMER..." or "unsettled REASON" of
# each spoke, by $RUN/settled and $RUN/followed.
all_settled() {
	wg show "$1" latest-handshakes >"$RUN/handshakes"
	wg show "$1" allowed-ips >"$RUN/allowed"
	awk -v run="$RUN" '
		BEGIN {
			while ((getline line <(run "/settled")) > 0) { split(line, f, " "); confirmed[f[1]] = f[2] }
			while ((getline line <(run "/handshakes")) > 0) { split(line, f, " "); at[f[1]] = f[2] }
			while ((getline line <(run "/allowed")) > 0) { split(line, f, " "); if (f[2] != "(none)") holds[f[1]] }
			while ((getline line <(run "/followed")) > 0) {
				split(line, f, " ")
				if (f[1] == "peer") { wanted[f[7]] = f[2]; names[++n] = f[7] }
				else former[f[7]] = former[f[7]] " " f[2]
			}
			for (i = 1; i <= n; i++) {
				name = names[i]
				if (confirmed[name] != wanted[name])
					print "unsettled " name ": the stack names another key than the bundle that is in force here"
				else if (!(wanted[name] in holds) && at[wanted[name]] > 0)
					print "unsettled " name ": answers with its former key again, so it has undone its change"
				else if (!(at[wanted[name]] > 0))
					print "unsettled " name ": was not heard with its new key yet"
				else
					print "settled " name former[name]
			}
		}
	' >"$RUN/settling"
	! grep -q '^unsettled ' "$RUN/settling"
}

# former_notes INTERFACE: what people should know of keys on their way, with_formers on stdin. Nothing
# is wrong, so it is no difference.
former_notes() {
	[ -s "$STATE/formers" ] || return 0
	wg show "$1" dump >"$RUN/peers" 2>/dev/null || :
	awk -v dump="$RUN/peers" '
		BEGIN {
			while ((getline line <dump) > 0) {
				split(line, f, "\t")
				at[f[1]] = f[5]
				if (f[4] != "(none)") holds[f[1]]
			}
		}
		$1 == "former" && ($2 in holds) && at[$2] > 0 { by_former[$7] }
		$1 == "peer" {
			if ($7 in by_former) print "peer " $7 ": answers with its former key; the next pulumi up that reaches it ends that"
			else if (at[$2] > 0) print "peer " $7 ": answers with its new key; the former one is forgotten at the end of the next pulumi up"
			else print "peer " $7 ": was heard neither with its new key nor with a former one yet"
		}
	'
	rm -f "$RUN/peers"
}
