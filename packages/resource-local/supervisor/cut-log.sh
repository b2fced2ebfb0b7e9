#!/bin/sh
# Gives back to the disk the oldest part of a log that has outgrown its share: sh cut-log.sh <most bytes> <bytes that stay>
#
# It runs in a record directory, at the wish of the server and of the launch's own watch, one at a time: of two cuts at once the
# shorter one could be the last that is said, and readers would take the rest of the longer one's hole for output.
#
# The file gets a hole there: positions stay what they are, and what the job writes meanwhile is not lost. What the file takes on the
# disk counts, not its length: the job may stretch it, make it short again, and set space aside behind its end.

umask 077
most_bytes=$1
kept_bytes=$2
# What the job cannot open, or it could keep the log from being cut. Who cuts now may have looked before the job's last output.
exec 8< plan
flock -w 10 8 || exit 1

# look: `size`, and the `taken` bytes of the disk, at one moment.
look() {
  set -- $(stat -c '%b %s' log)
  taken=$(($1 * 512))
  size=$2
}

# say_cut <bytes>: where readers have to begin; whole or not at all.
say_cut() {
  { printf '%s\n' "$1" > "cut.$$" && mv -f "cut.$$" cut; } 2>/dev/null && return
  rm -f "cut.$$"
  return 1
}

look
[ "$taken" -gt "$most_bytes" ] || exit 0
result=0
cut=$(((size - kept_bytes) / 4096 * 4096))
if [ "$cut" -gt 0 ]; then
  # Said first, so that no reader takes the hole for output. A disk without space even for that gets it from the hole.
  say_cut "$cut"
  said=$?
  fallocate --punch-hole --offset 0 --length "$cut" log || result=1
  [ "$said" -eq 0 ] || say_cut "$cut"
  look
else
  cut=0
fi
# More than its output takes is behind the end, where none is. Output that came meanwhile would be lost here, and is for the next cut.
[ "$result" -ne 0 ] || [ "$((taken - (size - cut)))" -le "$kept_bytes" ] || truncate -s +0 log || result=1
exit "$result"
