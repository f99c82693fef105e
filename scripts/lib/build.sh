# Building: one target folder outside the checkout, one profile, and a sign of life while RocksDB compiles.
# Sourced by the scripts after say.sh, in the root of the checkout.
#
# Every cargo call carries --release and --locked. A second profile would compile RocksDB a second time.

# Sets CARGO_TARGET_DIR, unless the caller has, and lets `target` in the checkout lead there.
use_target_folder() {
  export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/gress/target}
  mkdir -p "$CARGO_TARGET_DIR"
  if [[ -L target && ! -e target ]]; then
    rm target # it leads to a folder that is gone
  fi
  [[ -e target ]] || ln -s "$CARGO_TARGET_DIR" target
}

# How often RocksDB was compiled into the target folder. More than one means that builds select different features of
# what its build script needs, so that cargo takes it for another package each time.
rocksdb_builds() {
  { compgen -G "$CARGO_TARGET_DIR/release/build/librocksdb-sys-*/out/librocksdb.a" || true; } | wc -l | tr -d ' '
}

# with_rocksdb TEXT COMMAND…: runs a command that compiles RocksDB where that has not been done yet, and says so.
with_rocksdb() {
  if [[ $(rocksdb_builds) == 0 ]]; then
    say "RocksDB is compiled first: about 10 to 20 minutes on two cores, once; it stays in $CARGO_TARGET_DIR"
  fi
  with_sign_of_life "$@"
}

# with_sign_of_life TEXT COMMAND…: prints the time passed every 30 seconds while the command runs.
with_sign_of_life() {
  local text=$1 status=0 ticker
  shift
  tick "$text" &
  ticker=$!
  # Ctrl-C and kill end the ticker, too.
  # shellcheck disable=SC2064 # the id is meant now
  trap "kill $ticker 2> /dev/null || true" EXIT
  "$@" || status=$?
  kill "$ticker" 2> /dev/null || true
  wait "$ticker" 2> /dev/null || true
  trap - EXIT
  return "$status"
}

# Short naps, so that none outlives the script for long.
tick() {
  local text=$1 start=$SECONDS next=30
  while sleep 1; do
    if ((SECONDS - start >= next)); then
      say "$text: $(minutes $((SECONDS - start)))"
      next=$((next + 30))
    fi
  done
}
