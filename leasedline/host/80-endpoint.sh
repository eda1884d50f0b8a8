
# --- the hub by its name: looked up once in a run, and again where the hub does not answer ---
#
# $RUN/names has a line for each name that the bundle dials, "NAME now ADDRESS..."; where it does not
# resolve, "NAME former ADDRESS..." with those of $STATE/names, from the last time, or "NAME never".
# networkd looks a name up until it has an address, and then not again (systemd.netdev(5)); `wg`
# waits for one that does not resolve for more than a minute. So neither is relied on.

# The resolver gives a silent server 5 s and has a second one most often (resolv.conf(5)).
WAIT_NAME=10

# A packet that got lost is no reason to ask.
WAIT_HUB=5

# With data on the way every 10 s a session is renewed after 120 s (REKEY_AFTER_TIME), and a
# handshake that goes unanswered is sent again after 5 s (REKEY_TIMEOUT); 180 s (REJECT_AFTER_TIME)
# is the end of all keys. In between, several handshakes have failed at this address.
SILENT=150
REJECT_AFTER=180

# look_up BUNDLE INTERFACE: leaves $RUN/names. The addresses come in the resolver's order, turned so
# that the one which the interface dials now is the first.
look_up() {
	: >"$RUN/names"
	sed -n 's/^|Endpoint=\(.*[^0-9.].*\):[0-9]*$/\1/p' "$1" >"$RUN/dialled"
	while read -r name; do
		look_up_name "$name" "$2" >>"$RUN/names"
	done <"$RUN/dialled"
}

look_up_name() {
	dialled=$(wg show "$2" endpoints 2>/dev/null) || :
	# Who blocks a name, or has a machine that is off, answers with an address of no other host.
	found=$(timeout "$WAIT_NAME" getent ahostsv4 "$1" | dialled=$dialled awk '
		$2 != "STREAM" || $1 ~ /^(0|127)\./ { next }
		index(ENVIRON["dialled"], "\t" $1 ":") { is_dialled = 1 }
		is_dialled { after = after " " $1; next }
		{ before = before " " $1 }
		END { printf "%s", after before }
	')
	if [ -n "$found" ]; then
		say "$1 now$found"
	elif ! sed -n "s/^$1 /$1 former /p" "$STATE/names" 2>/dev/null | grep .; then
		say "$1 never"
	fi
}

# keep_names: for a time when they do not resolve.
keep_names() {
	if [ -s "$RUN/names" ]; then
		sed -n 's/^\([^ ]*\) \(now\|former\) /\1 /p' "$RUN/names" >"$RUN/names.kept"
		keep_state "$RUN/names.kept" names
	elif [ -e "$STATE/names" ]; then
		rm -f "$STATE/names"
	fi
}

# preflight_names: a hub that nobody can say where it is, before anything is touched.
preflight_names() {
	while read -r name state addresses; do
		case $state in
		never)
			die "the hub's name $name does not resolve on this host, so nothing was changed: correct endpoint: in the network file, or this host's name server (getent ahostsv4 $name)"
			;;
		former) warn "the hub's name $name does not resolve on this host now: it is dialled where it was before, at $addresses" ;;
		esac
	done <"$RUN/names"
}

# with_addresses ENDPOINT: for people, with what its name is.
with_addresses() {
	awk -v endpoint="$1" '
		{ name = $1; sub(/^[^ ]+ [^ ]+ ?/, ""); addresses[name] = $0 }
		END {
			split(endpoint, part, ":")
			print endpoint (addresses[part[1]] == "" ? "" : " (" addresses[part[1]] ")")
		}
	' "$RUN/names"
}

# named_peers BUNDLE: "PUBLIC NAME PORT PEER" for each peer that is dialled by a name.
named_peers() {
	bundle_want "$1" | awk '$1 == "peer" && $4 ~ /[^0-9.].*:/ { split($4, part, ":"); print $2, part[1], part[2], $7 }'
}

# name_differences BUNDLE INTERFACE: names that do not resolve. What the line does not need at the
# moment is no difference, but a note in $RUN/notes.
name_differences() {
	! grep -q '^[^ ]* \(former\|never\)' "$RUN/names" || named_peers "$1" | while read -r public name _ peer; do
		! grep -q "^$name now " "$RUN/names" || continue
		age=$(handshake_age "$2" "$public")
		if [ "${age:-$REJECT_AFTER}" -lt "$REJECT_AFTER" ]; then
			say "peer $peer: its name $name does not resolve on this host now; the line works by the address from before" >>"$RUN/notes"
		else
			say "peer $peer: its name $name does not resolve on this host, and the last handshake was ${age:-never}${age:+ s ago}"
		fi
	done
}

# handshake_age INTERFACE PEER: in seconds, nothing for never.
handshake_age() {
	handshake_at=$(last_handshake "$1" "$2" 2>/dev/null)
	[ "$handshake_at" -eq 0 ] || say $(($(date +%s) - handshake_at))
}

# endpoint: by its timer, or by hand. Where the hub does not answer, its name is looked up and
# followed. While a change is pending, or another run is at work, that one dials.
endpoint() {
	need_root
	[ -e "$STATE/current" ] || die "no bundle: nothing was applied here"
	[ ! -e "$STATE/pending" ] || return 0
	# Twice a minute for years: no program is started for this.
	while read -r field value; do
		case $field in
		interface) interface=$value ;;
		probe) probe=$value ;;
		file) break ;;
		esac
	done <"$STATE/current"
	[ -n "${probe:-}" ] || die "this host is the hub: it dials nobody"
	! until_true "$WAIT_HUB" hub_answers "$interface" "$probe" || return 0
	open_lock
	flock -n 9 || return 0
	own_lock endpoint
	[ ! -e "$STATE/pending" ] || return 0
	look_up "$STATE/current" "$interface"
	: >"$RUN/redialled"
	named_peers "$STATE/current" | while read -r public name port _; do
		redial "$interface" "$public" "$name" "$port"
	done
	[ -s "$RUN/redialled" ] || return 0
	keep_names
	# Whoever waits for this host need not wait for the hub.
	exec 9>&-
	if until_true "$WAIT_REPLY" hub_answers "$interface" "$probe"; then
		say "the hub answers there"
	else
		say "the hub does not answer there yet"
	fi
}

# redial INTERFACE PEER NAME PORT: a hub with several addresses is tried at each in turn.
redial() {
	is=$(wg show "$1" endpoints 2>/dev/null | awk -v peer="$2" '$1 == peer { print $2 }')
	if [ -z "$is" ]; then
		say "the hub is no peer of $1: see leased-line status"
		return
	fi
	grep "^$3 " "$RUN/names" >"$RUN/name"
	read -r _ state first next _ <"$RUN/name"
	if [ "$state" != now ]; then
		say "the hub does not answer, and its name $3 does not resolve on this host"
		[ -n "$first" ] || return 0
	fi
	to=$first
	if [ "$is" = "$first:$4" ] && [ -n "$next" ]; then
		age=$(handshake_age "$1" "$2")
		[ "${age:-$SILENT}" -lt "$SILENT" ] || to=$next
	fi
	[ "$is" != "$to:$4" ] || return 0
	wg set "$1" peer "$2" endpoint "$to:$4"
	say "the hub does not answer at $is: $3 is at $to now, and that is dialled" | tee "$RUN/redialled"
}
