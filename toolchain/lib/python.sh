# shellcheck shell=bash disable=SC2154  # sourced by ../ensure, which sets what is not set here
# The virtual environment .venv, filled from the locked requirement files.

venv="$project/.venv"

# find_python: print the newest interpreter on PATH that is new enough and not the project's own.
find_python() {
    local candidate path
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        path=$(PATH=$(path_without_project) command -v "$candidate") || continue
        if "$path" -c "import sys; sys.exit(sys.version_info < (${python_minimum/./, }))" 2>/dev/null
        then
            printf '%s\n' "$path"
            return 0
        fi
    done
    return 1
}

# ensure_python [runtime|all]: .venv with what the program needs, and (all) what tests and lint need.
ensure_python() {
    local wanted=${1-all} files=("$project/requirements.txt") arguments=() file python text lock
    case $wanted in
    runtime) ;;
    all) files+=("$project/requirements-dev.txt") ;;
    cloud) files+=("$project/requirements-dev.txt" "$project/requirements-cloud.txt") ;;
    *) fail "unknown set of Python packages: $wanted" "one of runtime, all, cloud" ;;
    esac
    text="$wanted $(digest "${files[@]}")"
    # `all` holds all of `runtime` and `cloud` all of `all`: the smaller never throws away the larger.
    if [ -x "$venv/bin/python" ] && is_any_stamped "$wanted"; then return 0; fi
    take_lock python
    if [ -x "$venv/bin/python" ] && is_any_stamped "$wanted"; then
        exec {lock}>&-
        return 0
    fi
    if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        python=$(find_python) ||
            fail "no Python $python_minimum or newer on PATH" \
                "install one (Debian 12 and later: apt-get install python3)"
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            ensure_debian "$(venv_package "$python")"
        fi
        step python-venv "remove .venv and run this again" "$python" -m venv --clear "$venv"
    fi
    for file in "${files[@]}"; do arguments+=(-r "$file"); done
    step python-packages "check that pip reaches its package index ('pip config list'), then run this again" \
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        "${arguments[@]}"
    stamp "$venv/.leased-line" "$text"
    exec {lock}>&-
}

# is_any_stamped SET: is .venv filled from today's files with this set or a larger one?
is_any_stamped() {
    local runtime="$project/requirements.txt" dev="$project/requirements-dev.txt"
    case $1 in
    runtime) is_stamped "$venv/.leased-line" "runtime $(digest "$runtime")" || is_any_stamped all ;;
    all) is_stamped "$venv/.leased-line" "all $(digest "$runtime" "$dev")" || is_any_stamped cloud ;;
    cloud)
        is_stamped "$venv/.leased-line" \
            "cloud $(digest "$runtime" "$dev" "$project/requirements-cloud.txt")"
        ;;
    esac
}

# venv_package PYTHON: Debian splits ensurepip off into a package named after the minor version.
venv_package() { "$1" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])'; }
