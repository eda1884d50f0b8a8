# shellcheck shell=bash disable=SC2154  # sourced by ../ensure, which sets what is not set here
# What a person sees: one line per step with its seconds, and one clear message on failure.
# Everything goes to standard error, so that a caller's standard output stays its own.

log_dir="$toolchain_home/log"

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE [REMEDY]: say what is wrong and how it is mended, then stop.
fail() {
    say "toolchain: $1"
    [ -z "${2-}" ] || say "  remedy: $2"
    exit 1
}

# step NAME REMEDY COMMAND...: run the command with its output in the log file of that name.
# $progress, if set, names a function that prints how far the log says it is. On a terminal the line
# is redrawn as it goes, elsewhere it is printed every 20 s so that a CI log shows life.
step() {
    local name=$1 remedy=$2
    shift 2
    local log="$log_dir/$name.log" started=$SECONDS shown=$SECONDS status=0 pid
    mkdir -p "$log_dir"
    : >"$log"
    "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    # An interrupt must not leave a compiler running behind the user's back.
    trap 'kill "$pid" 2>/dev/null || true; say ""; say "toolchain: interrupted; run it again to go on"; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        if [ -t 2 ]; then
            printf '\r\033[K%s' "$(step_line "$name" "$started" "$log")" >&2
        elif [ $((SECONDS - shown)) -ge 20 ]; then
            shown=$SECONDS
            say "$(step_line "$name" "$started" "$log")"
        fi
        sleep 0.5
    done
    wait "$pid" || status=$?
    trap - INT TERM
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if [ "$status" -ne 0 ]; then
        say "toolchain: the step '$name' failed (exit status $status). Its last lines:"
        tail -n 15 "$log" | sed 's/^/  | /' >&2
        say "  whole log: ${log#"$project"/}"
        say "  remedy: $remedy"
        exit 1
    fi
    say "$(step_line "$name" "$started" "$log")"
}

step_line() {
    local so_far=""
    [ -z "${progress-}" ] || so_far=", $("$progress" "$3")"
    printf 'toolchain: %s (%d s%s)' "$1" $((SECONDS - $2)) "$so_far"
}

# version_at_least FOUND WANTED: compare dotted numbers.
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# digest FILE...: one hash over the files' contents.
digest() { cat -- "$@" | sha256sum | cut -d ' ' -f 1; }

# is_stamped STAMP TEXT: was this step finished with exactly these inputs?
is_stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# stamp FILE TEXT: written last and whole, so that an interrupted step is done again.
stamp() {
    printf '%s\n' "$2" >"$1.new"
    mv "$1.new" "$1"
}
