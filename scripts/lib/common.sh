# shellcheck shell=bash
# Shared by the scripts of this folder; source it, do not run it.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# The Debian packages that the build needs, one name a line.
build_packages() {
    cat <<'LIST'
build-essential
cmake
ninja-build
pkg-config
libzmq3-dev
cppzmq-dev
libmsgpack-cxx-dev
libboost-dev
libexpected-dev
libfmt-dev
libcli11-dev
libtomlplusplus-dev
nlohmann-json3-dev
libsodium-dev
zlib1g-dev
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

# build PRESET [TARGET...]; everything where no target is named.
build() {
    local preset=$1
    shift
    say "building build/$preset"
    if [ $# -gt 0 ]; then
        cmake --build --preset "$preset" --target "$@" >&2
    else
        cmake --build --preset "$preset" >&2
    fi
}
