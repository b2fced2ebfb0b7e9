# Functions for the start scripts of jobs with a session; sourced by them, POSIX sh.
# Values reach the scripts in environment variables and arguments only and are never parsed as shell text.

# fail CODE SENTENCE: ends the job with a sentence that its log shows.
fail() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

# replace TEXT PLACEHOLDER VALUE: sets $replaced to TEXT with every PLACEHOLDER replaced. No sed: VALUE has no meaning to anything.
replace() {
  rest=$1
  replaced=
  while :; do
    case $rest in
      *"$2"*)
        replaced=$replaced${rest%%"$2"*}$3
        rest=${rest#*"$2"}
        ;;
      *)
        replaced=$replaced$rest
        return 0
        ;;
    esac
  done
}

# Prints a port that was free a moment ago. -I: a socket.py in the workspace must not be imported.
free_port() {
  for python in python3 python /usr/bin/python3; do
    "$python" -I -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])' 2>/dev/null && return 0
  done
  # Without Python: a random one; should it be taken, the program says so and ends.
  echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 40000))
}

# Sets $port, $listen_address and $base_path, and enters the workspace.
begin_session() {
  cd "$UWS_WORKSPACE" || fail 1 "The workspace directory $UWS_WORKSPACE cannot be entered."
  case ${UWS_LISTEN:-${UWS_HOST:-127.0.0.1}} in
    127.0.0.1 | localhost) listen_address=127.0.0.1 ;;
    *) listen_address=0.0.0.0 ;;
  esac
  replace "${UWS_BASE_PATH:-}" '{host}' "${UWS_HOST:-127.0.0.1}"
  base_path=$replaced
  port=${UWS_PORT:-$(free_port)}
}

# report PATH: tells the resource port and start page; afterwards the program that this script turns into knows no secret.
report() {
  (
    umask 077
    printf '%s %s %s\n' "$UWS_SECRET" "$port" "$1" >"$UWS_REPORT.$$" && mv -f "$UWS_REPORT.$$" "$UWS_REPORT"
  ) || fail 1 "The job could not write its report to $UWS_REPORT."
  unset UWS_SECRET UWS_REPORT UWS_BASE_PATH
}
