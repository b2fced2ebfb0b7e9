#!/bin/sh
# Runs one launch and outlives the server: sh supervise.sh <record directory>
#
# It claims the launch, so that however many supervisors are spawned for a key one alone goes on; limits and isolates the
# job; and, when everything the job started is gone, writes how it ended. Files of the record directory that are written
# here hold one line each; a line without its newline is not there yet.

umask 077
scripts=${0%/*}
cd -- "$1" || exit 1
. ./plan

read -r stat < "/proc/$$/stat"
set -- $stat
start_time=${22}
read -r boot_id < /proc/sys/kernel/random/boot_id

# put <file> <line>: makes a file with this line, unless there is one; whole or not at all, also where the disk is full.
put() {
  { printf '%s\n' "$2" > "$1.$$" && ln "$1.$$" "$1"; } 2>/dev/null
  set -- "$1" $?
  rm -f "$1.$$"
  return "$2"
}

# The claim. Without space for it nothing is started: the server tries again.
put supervisor "$$ $start_time $boot_id" || exit 0

# finish <exit code or -> <e: exited, s: ended by a signal, -: neither> <cause, unless one was recorded before>
finish() {
  cause=
  { read -r cause < cause; } 2>/dev/null
  [ -n "$cause" ] || cause=$3
  for cgroup in $cgroups; do
    tries=0
    while [ -d "$cgroup" ] && ! rmdir "$cgroup" 2>/dev/null && [ "$tries" -lt 20 ]; do
      tries=$((tries + 1))
      sleep 0.05
    done
  done
  sh "$scripts/cut-log.sh" "$log_most_bytes" "$log_kept_bytes"
  # How the job ended is known here alone: where the disk is full it waits for space, unless the record is removed.
  until put result "$1 $2 $cause" || [ -e result ] || [ ! -e plan ]; do sleep 0.5; done
  { printf . >> "../.changed/$key"; } 2>/dev/null
  exit 0
}

# A stop writes its mark first and looks for a claim afterwards; here it is the other way round: one of the two sees the other.
[ -e stop ] && finish - - stopped

for cgroup in $cgroups; do
  mkdir "$cgroup" || { echo 'The limits of the job could not be set up on this machine.' 1<> preparation; finish - - launch_failed; }
done
while read -r file value; do
  printf '%s' "$value" > "$file" || { echo 'The limits of the job could not be set on this machine.' 1<> preparation; finish - - launch_failed; }
done < settings

# The machine's own /proc, in which a process inside the namespace still finds its outer number.
exec 9</proc

case $isolation in
  namespace)
    unshare --pid --fork --kill-child --mount-proc --propagation slave sh "$scripts/init.sh" "$key" ;;
  user-namespace)
    unshare --user --map-current-user --pid --fork --kill-child --mount-proc --propagation slave sh "$scripts/init.sh" "$key" ;;
  marker)
    sh "$scripts/init.sh" "$key" ;;
esac

oom_kills=0
if [ -n "$oom_file" ]; then
  while read -r name value; do
    [ "$name" = oom_kill ] && oom_kills=$value
  done < "$oom_file"
fi

code=
{ read -r code how < outcome; } 2>/dev/null
prepared=
{ read -r prepared < preparation; } 2>/dev/null

if [ -z "$code" ]; then
  if [ ! -e started ]; then
    [ -n "$prepared" ] || echo 'The job could not be isolated from the machine.' 1<> preparation
    finish - - launch_failed
  fi
  # Whoever ends a whole launch says why before doing so.
  [ -e cause ] && finish 137 s stopped
  [ "$oom_kills" -gt 0 ] && finish 137 s memory_limit
  finish - - lost
fi
[ "$prepared" = ok ] || finish "$code" "$how" launch_failed
if [ "$oom_kills" -gt 0 ]; then
  # A shell that went on without what was killed has not ended well.
  [ "$code" -eq 0 ] && finish 137 s memory_limit
  finish "$code" "$how" memory_limit
fi
finish "$code" "$how" exited
