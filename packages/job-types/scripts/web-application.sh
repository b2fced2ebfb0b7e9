# Runs its arguments as a command after replacing {port}, {host} and {base_path} in each of them.
. "$UWS_JOB_DIRECTORY/session.sh"
begin_session
remaining=$#
while [ "$remaining" -gt 0 ]; do
  replace "$1" '{port}' "$port"
  replace "$replaced" '{host}' "$listen_address"
  replace "$replaced" '{base_path}' "$base_path"
  shift
  set -- "$@" "$replaced"
  remaining=$((remaining - 1))
done
command -v "$1" >/dev/null || fail 127 "The command $1 was not found on this machine."
export PORT="$port" HOST="$listen_address" BASE_PATH="$base_path"
report /
exec "$@"
