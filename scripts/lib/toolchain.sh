# What must be installed before anything is built, and its installation where that can be done. Sourced by the scripts.
#
#   cargo      1.88 or newer; never installed from here, that is the user's choice
#   C++        compiles RocksDB
#   libclang   and the headers that belong to it: RocksDB's bindings are generated with it, nothing else needs it
#
# On Debian and Ubuntu the last two are installed, as root or with sudo. LIBCLANG_PATH is never set or unset here:
# a changed value would compile all of RocksDB again.

readonly OLDEST_MINOR=88 # of Rust 1.x, as `rust-version` in Cargo.toml

set_up_toolchain() {
  require_cargo
  have_compiler || install_compiler
  have_libclang || install_libclang
}

require_cargo() {
  command -v cargo > /dev/null ||
    fail "cargo is missing. Install Rust 1.$OLDEST_MINOR or newer (rustup's stable toolchain will do), then start this again."
  local version minor
  version=$(cargo --version) # cargo 1.88.0 (…)
  minor=${version#cargo 1.}
  minor=${minor%%.*}
  [[ $minor =~ ^[0-9]+$ && $minor -ge $OLDEST_MINOR ]] ||
    fail "Rust 1.$OLDEST_MINOR or newer is needed, and this is $version. Update it (rustup update stable), then start this again."
}

have_compiler() {
  { command -v g++ || command -v clang++ || command -v c++; } > /dev/null && command -v cc > /dev/null
}

install_compiler() {
  can_use_apt ||
    fail "a C++ compiler is missing (g++ or clang++, and cc): RocksDB is compiled with it. Install one, then start this again."
  say "installing g++ (RocksDB is compiled with it)"
  apt_install g++
}

have_libclang() {
  # Whoever sets LIBCLANG_PATH has a libclang of their own.
  [[ -n ${LIBCLANG_PATH:-} ]] || { have_libclang_library && have_libclang_headers; }
}

have_libclang_library() {
  local pattern
  for pattern in \
    '/usr/lib/llvm-*/lib/libclang*.so*' \
    '/usr/lib/*-linux-gnu/libclang*.so*' \
    '/usr/lib/libclang*.so*' \
    '/usr/lib64/libclang*.so*' \
    '/usr/local/lib/libclang*.so*' \
    '/Library/Developer/CommandLineTools/usr/lib/libclang.dylib' \
    '/opt/homebrew/opt/llvm/lib/libclang.dylib'; do
    # libclang-cpp is another library.
    compgen -G "$pattern" | grep -qv 'libclang-cpp' && return
  done
  local known
  known=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2> /dev/null) || return 1
  grep -E 'libclang(-[0-9.]+)?\.so' <<< "$known" > /dev/null
}

have_libclang_headers() {
  local pattern
  for pattern in \
    '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' \
    '/usr/lib/clang/*/include/stddef.h' \
    '/usr/lib64/clang/*/include/stddef.h' \
    '/usr/local/lib/clang/*/include/stddef.h' \
    '/Library/Developer/CommandLineTools/usr/lib/clang/*/include/stddef.h' \
    '/opt/homebrew/opt/llvm/lib/clang/*/include/stddef.h'; do
    compgen -G "$pattern" > /dev/null && return
  done
  return 1
}

install_libclang() {
  can_use_apt ||
    fail "libclang and its headers are missing: RocksDB's bindings are generated with them.
       Fedora: dnf install clang-devel    Arch: pacman -S clang    macOS: xcode-select --install
       Install them, then start this again."
  say "installing libclang (RocksDB's bindings are generated with it; nothing else needs it)"
  apt_get update
  local library version
  library=$(libclang_package)
  [[ -n $library ]] || fail "apt knows no package libclang1-<version>. Install libclang by hand, then start this again."
  version=${library#libclang1-}
  apt_get install "$library" "libclang-common-${version%t64}-dev"
  have_libclang || fail "$library is installed, and still no libclang with its headers can be found."
}

# The smallest package with the library: 14 where there is one, else the newest that the distribution has.
libclang_package() {
  local packages
  packages=$(apt-cache search --names-only '^libclang1-[0-9]+(t64)?$' | cut -d ' ' -f 1 | sort -V)
  grep -x 'libclang1-14' <<< "$packages" || tail -n 1 <<< "$packages"
}

# Whether this is a Debian or Ubuntu where we may install packages.
can_use_apt() {
  command -v apt-get > /dev/null || return 1
  [[ $(id -u) == 0 ]] || command -v sudo > /dev/null
}

apt_install() {
  apt_get update
  apt_get install "$@"
}

apt_get() {
  local verb=$1
  shift
  local command=(env DEBIAN_FRONTEND=noninteractive apt-get "$verb" --yes --quiet=2)
  [[ $verb != install ]] || command+=(--no-install-recommends)
  [[ $(id -u) == 0 ]] || command=(sudo "${command[@]}")
  "${command[@]}" "$@" > /dev/null || fail "apt-get $verb $* has failed; see above."
}
