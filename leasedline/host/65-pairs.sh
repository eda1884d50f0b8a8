# --- the pairs: whether the far spokes' LANs answer, asked from this one's own ---
#
# A handshake says that two hosts talk. That one office reaches another takes routes, allowed IPs and
# forwarding on three of them, so a spoke asks from its own LAN address for the far spoke's. What is
# to be asked comes on stdin, a line each, and the last line says that it is whole:
#
#   leased-line pairs 1
#   state DIGEST             of all hosts' bundles: after any change, all is asked again
#   pair NAME FROM TO
#   end
#
# $STATE/pairs has "FROM TO" for each question that was ever answered.

# For how long a pair is asked again, and for how long one question waits; both in seconds.
WAIT_PAIRS=30
WAIT_PAIR=2

# How many questions are under way at once.
PAIRS_AT_ONCE=64

pairs() {
	need_root
	lock pairs
	receive "$RUN/questions"
	pairs_check "$RUN/questions"
	[ -e "$STATE/current" ] || die "no bundle: nothing was applied here"
	sed -n 's/^pair //p' "$RUN/questions" >"$RUN/pairs"
	rm -rf "$RUN/answers"
	mkdir "$RUN/answers"
	deadline=$(($(uptime_s) + WAIT_PAIRS))
	until ask_pairs || [ "$(uptime_s)" -ge "$deadline" ]; do sleep 0.5; done
	lost_pairs >"$RUN/lost"
	remember_pairs >"$RUN/remembered"
	keep_state "$RUN/remembered" pairs
	tell_lost_pairs || exit 1
	tell_pairs
}

# pairs_check FILE: refuses what is not whole, or asks for anything but an address.
pairs_check() {
	awk '
		NR == 1 { if ($0 != "leased-line pairs 1") exit; next }
		ended { ended = 0; exit }
		$1 == "end" && NF == 1 { ended = 1; next }
		$1 == "state" && NF == 2 { next }
		$1 == "pair" && NF == 4 && $3 $4 !~ /[^0-9.]/ { next }
		{ exit }
		END { exit !ended }
	' "$1" || die "what arrived is no list of pairs, or not all of it: nothing was asked; run pulumi up again"
}

# ask_pairs: asks once all that has not been answered, side by side; succeeds if nothing is left.
ask_pairs() {
	number=0 asked=0
	while read -r _ from to; do
		number=$((number + 1))
		[ ! -e "$RUN/answers/$number.ok" ] || continue
		ask_pair "$number" "$from" "$to" &
		asked=$((asked + 1))
		[ $((asked % PAIRS_AT_ONCE)) -ne 0 ] || wait
	done <"$RUN/pairs"
	wait
	left=$number
	for answered in "$RUN/answers"/*.ok; do [ ! -e "$answered" ] || left=$((left - 1)); done
	[ "$left" -eq 0 ]
}

# ask_pair NUMBER FROM TO: what it says in answers/NUMBER; answers/NUMBER.ok says that there was a reply.
ask_pair() {
	if ping -n -c 1 -W "$WAIT_PAIR" -I "$2" "$3" >"$RUN/answers/$1" 2>&1; then
		: >"$RUN/answers/$1.ok"
	fi
}

answered_once() { [ -e "$STATE/pairs" ] && grep -qxF "$1 $2" "$STATE/pairs"; }

# lost_pairs: "NAME FROM TO" of each that was answered once and is not now.
lost_pairs() {
	number=0
	while read -r name from to; do
		number=$((number + 1))
		[ -e "$RUN/answers/$number.ok" ] || ! answered_once "$from" "$to" || say "$name $from $to"
	done <"$RUN/pairs"
}

# remember_pairs: of what was asked, all that was answered now or before. What was lost stays, so
# that the next run asks for it again, and does not take it for one that never worked.
remember_pairs() {
	number=0
	while read -r _ from to; do
		number=$((number + 1))
		if [ -e "$RUN/answers/$number.ok" ] || answered_once "$from" "$to"; then
			say "$from $to"
		fi
	done <"$RUN/pairs"
}

# tell_lost_pairs: fails if there are any, with a line for each and what to look at.
tell_lost_pairs() {
	[ -s "$RUN/lost" ] || return 0
	interface=$(bundle_field "$STATE/current" interface)
	hub=$(bundle_field "$STATE/current" probe)
	ip -o -4 address show | awk '{ sub(/\/.*/, "", $4); print $4 }' >"$RUN/own"
	if hub_answers "$interface" "$hub"; then hub_is=up; else hub_is=down; fi
	while read -r name from to; do
		if ! grep -qxF "$from" "$RUN/own"; then
			warn "$name does not answer any more, which it did before: $from is no address of this host now, from which $to was asked"
		elif [ "$hub_is" = down ]; then
			warn "$name does not answer any more, which it did before: from $from to $to no reply within $WAIT_PAIRS s, and none from the hub's $hub either"
		else
			warn "$name does not answer any more, which it did before: from $from to $to no reply within $WAIT_PAIRS s, but one from the hub's $hub"
		fi
	done <"$RUN/lost"
	return 1
}

# rtt_of FILE: what ping(8) of iputils and busybox says of its reply, as "time=5.12 ms", in $rtt.
rtt_of() {
	while read -r answer; do
		case $answer in *" time="*)
			rtt=${answer#* time=}
			rtt=${rtt%% *}
			;;
		esac
	done <"$1"
}

# tell_pairs: {"NAME":MILLISECONDS or null}, the slowest of a pair's questions; null if one of them
# was not answered.
tell_pairs() {
	number=0
	while read -r name _; do
		number=$((number + 1))
		rtt=null
		[ ! -e "$RUN/answers/$number.ok" ] || rtt_of "$RUN/answers/$number"
		say "$name $rtt"
	done <"$RUN/pairs" | awk '
		!($1 in is) { order[++n] = $1; is[$1] = $2; next }
		$2 == "null" { is[$1] = $2 }
		is[$1] != "null" && $2 + 0 > is[$1] + 0 { is[$1] = $2 }
		END {
			printf "{"
			for (i = 1; i <= n; i++) printf "%s\"%s\":%s", (i > 1 ? "," : ""), order[i], is[order[i]]
			print "}"
		}
	'
}
