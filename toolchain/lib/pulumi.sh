# shellcheck shell=bash disable=SC2154  # sourced by ../ensure, which sets what is not set here
# pulumi and its Python language host: from PATH, from the official download, or built. The plugins
# go the same ways, each on its own: plugin.sh.

bin="$toolchain_home/bin"
programs=(pulumi pulumi-language-python pulumi-language-python-exec pulumi-resource-pulumi-python)

# ensure_pulumi: `.toolchain/bin` and `.toolchain/home/plugins` hold what pins.sh says.
ensure_pulumi() {
    local way=${LEASED_LINE_TOOLCHAIN-} program_text
    program_text="$way $pulumi_version $language_host_version $(digest "$project"/toolchain/{engine,language}/go.{mod,sum})"
    mkdir -p "$bin"
    if ! is_stamped "$toolchain_home/program" "$program_text" || ! has_program; then
        case $way in
        path) program_from_path || fail_forced path "put pulumi $pulumi_version and its Python language host on PATH" ;;
        download) program_from_download || fail_forced download "see .toolchain/log/download-pulumi.log" ;;
        build) program_from_build ;;
        "") program_from_path || program_from_download || program_from_build ;;
        *) fail "LEASED_LINE_TOOLCHAIN=$way is none of path, download, build" "unset it, or set one of them" ;;
        esac
        has_program || fail "pulumi is not complete in .toolchain/bin" "remove .toolchain and run this again"
        stamp "$toolchain_home/program" "$program_text"
    fi
    ensure_plugin command
}

fail_forced() {
    fail "LEASED_LINE_TOOLCHAIN=$1, but this way leads to no pulumi $pulumi_version" "$2"
}

# has_program: all programs are there, and pulumi is the right one. A link into the user's own
# installation may have moved on since, so that is asked, not assumed.
has_program() {
    local program
    for program in "${programs[@]}"; do [ -x "$bin/$program" ] || return 1; done
    [ ! -L "$bin/pulumi" ] || has_right_version "$bin/pulumi"
}

has_right_version() {
    [ "$(PULUMI_SKIP_UPDATE_CHECK=true PULUMI_HOME="$toolchain_home/home" "$1" version 2>/dev/null)" = "v$pulumi_version" ]
}

# release_platform: this machine as Pulumi's release archives name it, or a failure.
release_platform() {
    case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo linux-amd64 ;;
    Linux-aarch64) echo linux-arm64 ;;
    Darwin-x86_64) echo darwin-amd64 ;;
    Darwin-arm64) echo darwin-arm64 ;;
    *) return 1 ;;
    esac
}

# program_address PLATFORM: as the official installer has it.
program_address() { echo "https://get.pulumi.com/releases/sdk/pulumi-v$pulumi_version-$1.tar.gz"; }

program_from_path() {
    local found directory program
    found=$(PATH=$(path_without_project) command -v pulumi) || return 1
    directory=$(dirname "$(readlink -f "$found")")
    for program in "${programs[@]}"; do [ -x "$directory/$program" ] || return 1; done
    has_right_version "$found" || return 1
    for program in "${programs[@]}"; do
        ln -sfn "$directory/$program" "$bin/$program" || cannot_write "$bin"
    done
    say "toolchain: pulumi $pulumi_version is taken from PATH"
}

program_from_download() {
    local platform archive="$toolchain_home/pulumi.tar.gz" program
    platform=$(release_platform) || return 1
    download pulumi "$(program_address "$platform")" "$archive" || return 1
    rm -rf "$toolchain_home/pulumi"
    unpack "$archive" "$toolchain_home" # a directory `pulumi`
    for program in "${programs[@]}"; do
        [ -x "$toolchain_home/pulumi/$program" ] ||
            fail "the downloaded archive has no $program" "set LEASED_LINE_TOOLCHAIN=build"
        # A copy, as only a link means "the user's own": see has_program.
        install -m 755 "$toolchain_home/pulumi/$program" "$bin/$program" || cannot_write "$bin"
    done
    rm -rf "$toolchain_home/pulumi"
    has_right_version "$bin/pulumi" ||
        fail "the downloaded pulumi does not run on this machine" "set LEASED_LINE_TOOLCHAIN=build"
}

# program_from_build: the scripts beside the language host come from the same module as the engine:
# they are what the installed Python SDK talks to.
program_from_build() {
    local scripts program version=github.com/pulumi/pulumi/sdk/v3/go/common/version.Version
    ensure_build engine 6000
    # An earlier link into the user's installation must not be written through.
    for program in "${programs[@]}"; do [ ! -L "$bin/$program" ] || rm "$bin/$program"; done
    go_program engine github.com/pulumi/pulumi/pkg/v3/cmd/pulumi "$bin/pulumi" \
        "-X $version=v$pulumi_version"
    go_program language github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python \
        "$bin/pulumi-language-python" "-X $version=v$language_host_version"
    scripts=$(with_go engine "$go" list -mod=readonly -m -f '{{.Dir}}' github.com/pulumi/pulumi/sdk/v3)/python
    install -m 755 "$scripts/cmd/pulumi-language-python-exec" "$scripts/dist/pulumi-resource-pulumi-python" "$bin/"
}

# The functions above are called with `||` after them, where `set -e` does not act: so each command
# whose failure matters says so itself.
cannot_write() { fail "cannot write to $1" "check its owner and the free disk space"; }

unpack() {
    tar -xzf "$1" -C "$2" || fail "the downloaded archive $1 cannot be unpacked" "set LEASED_LINE_TOOLCHAIN=build"
    rm -f "$1"
}

# download NAME ADDRESS FILE: false, and one line, when the address cannot be reached soon.
download() {
    local log="$log_dir/download-$1.log" python started=$SECONDS
    mkdir -p "$log_dir"
    python=$(find_python) || fail "no Python $python_minimum or newer on PATH" "apt-get install python3"
    if "$python" "$project/toolchain/python/download.py" "$2" "$3" 2>"$log"; then
        say "toolchain: download-$1 ($((SECONDS - started)) s)"
        return 0
    fi
    say "toolchain: download-$1 given up after $((SECONDS - started)) s: $(tail -n 1 "$log")"
    return 1
}

# ensure_build MODULE MEGABYTES: what a build needs, asked for before minutes are spent. The disk only
# if this module was never fetched here: later the space is taken already.
ensure_build() {
    local free
    free=$(df -Pk "$toolchain_home" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$2" ] || [ -f "$go_home/$1.packages" ] ||
        fail "a build of $1 needs $2 MB of disk, and $free MB are free at $toolchain_home" \
            "free some, or get what is to be built in another way: toolchain/README.md says which"
    [ -n "${go-}" ] || ensure_go
}
