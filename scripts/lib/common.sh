# shellcheck shell=bash
# Shared by the scripts of this folder; source it, do not run it.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# The Debian packages that the programs need, one name a line.
program_packages() {
    cat <<'LIST'
g++
cmake
ninja-build
pkg-config
libzmq3-dev
cppzmq-dev
libmsgpack-cxx-dev
libexpected-dev
libfmt-dev
libcli11-dev
libtomlplusplus-dev
nlohmann-json3-dev
libsodium-dev
zlib1g-dev
LIST
}

# The same for the tests and berkeley-bench.
test_packages() {
    program_packages
    cat <<'LIST'
libgtest-dev
librapidcheck-dev
libbenchmark-dev
iproute2
LIST
}

# Those of the given packages that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

# Installs what is missing of the given packages, and touches nothing where all is there.
ensure_packages() {
    command -v dpkg-query >/dev/null || {
        say "not a Debian system: expecting the libraries that cmake/BerkeleyDependencies.cmake names"
        return 0
    }
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] && return 0

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing packages, and neither root nor sudo: ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing with apt-get: ${missing[*]}"
    "${as_root[@]}" apt-get update -q >&2 || die "apt-get update failed"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" >&2 || die "apt-get install failed"
}

# configure PRESET [CMAKE_ARGUMENT...]
configure() {
    local preset=$1
    shift
    say "configuring build/$preset"
    cmake --preset "$preset" "$@" >&2
}

# progress ROUTINE: passes lines on. Of the lines that match ROUTINE it shows the latest, every five seconds while
# there is one, with the seconds since it began: a build or a test may be silent for long.
progress() {
    local routine=$1 began=$SECONDS shown=$SECONDS line='' part latest='' status
    while :; do
        status=0
        IFS= read -r -t 2 part || status=$?
        line+=$part
        if [ "$status" -eq 0 ]; then
            if [[ $line =~ $routine ]]; then latest=$line; else printf '%s\n' "$line"; fi
            line=
        elif [ "$status" -le 128 ]; then
            [ -z "$line" ] || printf '%s\n' "$line"
            return 0
        fi
        if [ -n "$latest" ] && [ "$((SECONDS - shown))" -ge 5 ]; then
            printf '%5d s  %s\n' "$((SECONDS - began))" "$latest"
            shown=$SECONDS
        fi
    done
}

# build PRESET [TARGET...]; everything where no target is named.
build() {
    local preset=$1
    shift
    say "building build/$preset"
    [ $# -eq 0 ] || set -- --target "$@"
    NINJA_STATUS='[%f/%t, %p] ' cmake --build --preset "$preset" "$@" 2>&1 | progress '^\[[0-9]+/[0-9]+, ' >&2
}
