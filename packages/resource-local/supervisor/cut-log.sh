#!/bin/sh
# Gives back to the disk the oldest part of a log that has outgrown its share: sh cut-log.sh <most bytes> <bytes that stay>
#
# It runs in a record directory, at the wish of the server and of the launch's own watch, one at a time: of two cuts at once the
# shorter one could be the last that is said, and readers would take the rest of the longer one's hole for output.
#
# The file gets a hole there: positions stay what they are, and what the job writes meanwhile is not lost. What the file takes on the
# disk counts, not its length: the job may stretch it, make it short again, and set space aside behind its end.

umask 077
most_blocks=$(($1 / 512))
kept_bytes=$2
# What the job cannot open, or it could keep the log from being cut.
exec 8< plan
flock -n 8 || exit 0

is_too_large() {
  [ "$(stat -c %b log)" -gt "$most_blocks" ]
}

# say_cut <bytes>: where readers have to begin; whole or not at all.
say_cut() {
  { printf '%s\n' "$1" > "cut.$$" && mv -f "cut.$$" cut; } 2>/dev/null && return
  rm -f "cut.$$"
  return 1
}

is_too_large || exit 0
cut=$((($(stat -c %s log) - kept_bytes) / 4096 * 4096))
if [ "$cut" -gt 0 ]; then
  # Said first, so that no reader takes the hole for output. A disk without space even for that gets it from the hole.
  say_cut "$cut"
  said=$?
  fallocate --punch-hole --offset 0 --length "$cut" log
  [ "$said" -eq 0 ] || say_cut "$cut"
fi
# What is left is behind the end, where no output is.
is_too_large && truncate -s "$(stat -c %s log)" log
exit 0
