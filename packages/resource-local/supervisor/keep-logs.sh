#!/bin/sh
# Bounds the logs of running jobs while no server does: sh keep-logs.sh <most bytes on the disk> <bytes that stay of more>
#
# It runs in the directory of records. Its standard input is a pipe that ends with the server that started it, however that ends:
# until then it waits there. Then it looks at the logs every few seconds, until no job runs or another server has started its own.

umask 077
max_blocks=$(($1 / 512))
keep_bytes=$2

read -r stat < "/proc/$$/stat"
set -- $stat
self="$$ ${22}"
{ printf '%s\n' "$self" > .log-keeper; } 2>/dev/null

while read -r rest; do :; done

# is_alive <pid> <start time>
is_alive() {
  expected=$2
  { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
  set -- $stat
  [ "${22}" = "$expected" ]
}

# note <launch> <bytes>: says, whole or not at all, what readers have to pass over.
note() {
  { printf '%s\n' "$2" > "$1/cut.$$" && mv -f "$1/cut.$$" "$1/cut"; } 2>/dev/null && return
  rm -f "$1/cut.$$"
  return 1
}

# cut <launch> <size>: as the server does, leaves a hole, so that positions stay what they are.
cut() {
  bytes=$((($2 - keep_bytes) / 4096 * 4096))
  [ "$bytes" -gt 0 ] || bytes=0
  if [ "$bytes" -gt 0 ]; then
    # Said first, so that no reader takes the hole for output; a disk without space even for that gets it from the hole.
    note "$1" "$bytes"
    noted=$?
    fallocate --punch-hole --offset 0 --length "$bytes" "$1/log"
    [ "$noted" -eq 0 ] || note "$1" "$bytes"
  fi
  # What is left is behind the end, where no output is.
  [ "$(stat -c %b "$1/log")" -le "$max_blocks" ] || truncate -s "$(stat -c %s "$1/log")" "$1/log"
}

while :; do
  keeper=
  { read -r keeper < .log-keeper; } 2>/dev/null
  [ -z "$keeper" ] || [ "$keeper" = "$self" ] || exit 0
  logs=
  for claim in */supervisor; do
    launch=${claim%/supervisor}
    [ -e "$launch/result" ] && continue
    pid=
    { read -r pid start boot < "$claim"; } 2>/dev/null
    [ -n "$pid" ] && is_alive "$pid" "$start" && logs="$logs $launch/log"
  done
  [ -n "$logs" ] || exit 0
  stat -c '%b %s %n' $logs 2>/dev/null | while read -r blocks size log; do
    [ "$blocks" -le "$max_blocks" ] || cut "${log%/log}" "$size"
  done
  sleep 5
done
