# Words on the terminal. Sourced by the scripts.

# say TEXT…: one line of progress.
say() { printf '==> %s\n' "$*"; }

# fail TEXT…: says what is wrong and ends the script.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# grouped NUMBER: 328521 becomes 328,521.
grouped() {
  local rest=$1 groups=""
  while [[ ${#rest} -gt 3 ]]; do
    groups=",${rest: -3}$groups"
    rest=${rest:0:${#rest}-3}
  done
  printf '%s%s' "$rest" "$groups"
}

# minutes SECONDS: 95 becomes 1:35.
minutes() { printf '%d:%02d' "$(($1 / 60))" "$(($1 % 60))"; }
