# shellcheck shell=bash disable=SC2154  # sourced by ../ensure, which sets what is not set here
# The plugins, command and alicloud: from the user's own plugin directory, from the official
# download, or the stand-in of that name built from toolchain/NAME/.

plugins="$toolchain_home/home/plugins"
# What the caches of a build come to, when the engine was built before.
declare -A megabytes=([command]=500 [alicloud]=4500)

# ensure_plugin NAME: `.toolchain/home/plugins` holds it, as pins.sh says.
ensure_plugin() {
    local way=${LEASED_LINE_TOOLCHAIN-} released="$1_version" sources text
    plugin_sources "$1"
    text="$way ${!released} $(digest "${sources[@]}")"
    mkdir -p "$plugins"
    if is_stamped "$toolchain_home/plugin-$1" "$text" && has_plugin "$1"; then return 0; fi
    case $way in
    path) plugin_from_path "$1" || fail_plugin path "$1" "pulumi plugin install resource $1 ${!released}" ;;
    download) plugin_from_download "$1" || fail_plugin download "$1" "see .toolchain/log/download-$1.log" ;;
    build) plugin_from_build "$1" ;;
    "") plugin_from_path "$1" || plugin_from_download "$1" || plugin_from_build "$1" ;;
    *) fail "LEASED_LINE_TOOLCHAIN=$way is none of path, download, build" "unset it, or set one of them" ;;
    esac
    has_plugin "$1" || fail "the $1 plugin is not in .toolchain/home" "remove .toolchain and run this again"
    stamp "$toolchain_home/plugin-$1" "$text"
}

fail_plugin() {
    local released="$2_version"
    fail "LEASED_LINE_TOOLCHAIN=$1, but this way leads to no $2 plugin ${!released}" "$3"
}

# plugin_sources NAME: set `sources` to what the stand-in is built from; its tests are not part of it.
plugin_sources() {
    local file
    sources=()
    for file in "$project/toolchain/$1"/{go.mod,go.sum,*.go,*/*.go}; do
        case $file in
        *_test.go | */sshtest/*) ;;
        *) [ ! -f "$file" ] || sources+=("$file") ;;
        esac
    done
}

has_plugin() {
    local released="$1_version" stand_in="$1_stand_in"
    [ -x "$plugins/resource-$1-v${!released}/pulumi-resource-$1" ] ||
        [ -x "$plugins/resource-$1-v${!stand_in}/pulumi-resource-$1" ]
}

# plugin_from_path NAME: the released plugin from the user's own plugin directory, copied: `pulumi
# plugin rm` there shall not break this project.
plugin_from_path() {
    local home=${LEASED_LINE_USER_PULUMI_HOME:-${PULUMI_HOME-}} released="$1_version" theirs
    # In a shell that evaluated `env`, PULUMI_HOME is the project's own.
    if [ -z "$home" ] || [ "$home" = "$toolchain_home/home" ]; then home=$HOME/.pulumi; fi
    theirs="$home/plugins/resource-$1-v${!released}/pulumi-resource-$1"
    [ -x "$theirs" ] || return 1
    install_plugin "$1" "$theirs" "${!released}"
    say "toolchain: the $1 plugin ${!released} is copied from $home/plugins"
}

# plugin_address NAME VERSION PLATFORM: where the engine itself would fetch it from.
plugin_address() { echo "https://get.pulumi.com/releases/plugins/pulumi-resource-$1-v$2-$3.tar.gz"; }

plugin_from_download() {
    local platform released="$1_version" archive="$toolchain_home/$1.tar.gz" unpacked="$toolchain_home/$1.unpacked"
    platform=$(release_platform) || return 1
    download "$1" "$(plugin_address "$1" "${!released}" "$platform")" "$archive" || return 1
    rm -rf "$unpacked" && mkdir "$unpacked"
    unpack "$archive" "$unpacked"
    install_plugin "$1" "$unpacked/pulumi-resource-$1" "${!released}"
    rm -rf "$unpacked"
}

plugin_from_build() {
    local stand_in="$1_stand_in" built="$toolchain_home/pulumi-resource-$1"
    ensure_build "$1" "${megabytes[$1]}"
    # Of alicloud, one package has 2,100 source files; on a machine without much memory that takes
    # 2.8 GB this way (see with_go).
    GOGC=50 go_program "$1" . "$built" ""
    install_plugin "$1" "$built" "${!stand_in}"
    rm -f "$built"
    install -m 644 "$project/toolchain/$1/README.md" "$plugins/resource-$1-v${!stand_in}/"
}

# install_plugin NAME PROGRAM VERSION: exactly one of released plugin and stand-in is ever installed.
# To the engine 1.2.1 and 1.2.1+stand-in are the same version, so it would pick either.
install_plugin() {
    local directory="$plugins/resource-$1-v$3"
    rm -rf "$plugins/resource-$1"-v*
    # A name that the engine ignores, until the directory is whole.
    if ! { mkdir -p "$directory.tmp1" &&
        install -m 755 "$2" "$directory.tmp1/pulumi-resource-$1" &&
        mv "$directory.tmp1" "$directory"; }; then cannot_write "$plugins"; fi
}
