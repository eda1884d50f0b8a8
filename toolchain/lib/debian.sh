# shellcheck shell=bash disable=SC2154  # sourced by ../ensure, which sets what is not set here
# Debian packages: the only thing here that needs root, and it says so.

# missing_packages PACKAGE...: print those that are not installed.
missing_packages() {
    local package state
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || printf '%s\n' "$package"
    done
}

# ensure_debian PACKAGE...: install what is missing, as root directly, else through sudo after
# showing the command.
ensure_debian() {
    local missing command
    [ $# -gt 0 ] || fail "no package named" "toolchain/ensure debian PACKAGE..."
    command -v dpkg-query >/dev/null ||
        fail "this system has no dpkg: it is not Debian or a relative of it" \
            "install the equivalents of these packages yourself: $*"
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    command=(apt-get install -y --no-install-recommends "${missing[@]}")
    if [ "$(id -u)" -eq 0 ]; then
        debian_install env DEBIAN_FRONTEND=noninteractive
        return
    fi
    command -v sudo >/dev/null ||
        fail "these Debian packages are missing: ${missing[*]}, and there is no sudo to install them" \
            "as root: ${command[*]}"
    say "toolchain: these Debian packages are missing and need root to be installed:"
    say "  sudo ${command[*]}"
    # Asked for here, before the step's output goes to its log, where no prompt would be seen.
    sudo -v || fail "sudo was refused" "as root: ${command[*]}"
    debian_install sudo env DEBIAN_FRONTEND=noninteractive
}

# debian_install PREFIX...: a fresh machine has no package lists yet, an old one has stale ones.
debian_install() {
    step debian-lists "check the network and /etc/apt/sources.list, then run this again" \
        "$@" apt-get update -q
    step debian-packages "read the log above; 'apt-get install ${missing[*]}' shows the cause" \
        "$@" "${command[@]}"
}
