#!/bin/sh
# First process of a job's namespace (or, without namespaces, the job's parent): sh init.sh <launch key>
#
# Starts the watch over time limit and log, and the job, waits for the job's main process, and records its exit code or signal. As
# process 1 it takes in the orphans, signals from inside cannot end it, and with its end the kernel ends all the rest.

umask 077
scripts=${0%/*}
. ./plan

read -r stat < /proc/self/fd/9/self/stat
set -- $stat
pid=$1
start_time=${22}
read -r uptime rest < /proc/uptime
# A second that has begun counts from its end, so that the time limit never ends a job early.
uptime=$((${uptime%.*} + 1))

# signal_all <name>: every process of the launch but this one and the caller.
signal_all() {
  if [ "$isolation" != marker ] && [ "$$" -eq 1 ]; then
    kill -s "$1" -- -1 2>/dev/null
  else
    for environ in $(grep -lzxs "UWS_LAUNCH_KEY=$key" /proc/[0-9]*/environ); do
      process=${environ#/proc/}
      kill -s "$1" "${process%/environ}" 2>/dev/null
    done
  fi
}

# is_due: the deadline has passed; else `pause` is how long to sleep at most until the next look.
is_due() {
  deadline=
  { read -r deadline < deadline; } 2>/dev/null
  [ -n "$deadline" ] || return 1
  read -r now rest < /proc/uptime
  left=$((deadline - ${now%.*}))
  [ "$left" -gt 0 ] || return 0
  [ "$left" -lt "$pause" ] && pause=$left
  return 1
}

# bound_log: for the time when no server runs. A log that has something in it is looked at sooner again. The job may keep its log from
# being opened for a while, which must not hold up its deadline.
bound_log() {
  blocks=$(stat -c %b log)
  [ "$blocks" -gt "$((log_most_bytes / 512))" ] &&
    timeout -s KILL 5 sh "$scripts/cut-log.sh" "$log_most_bytes" "$log_kept_bytes" 2>/dev/null
  [ "$blocks" -gt "$((log_most_bytes / 512 / 16))" ] && [ "$pause" -gt 5 ] && pause=5
}

# Sleeps in pieces, at first in short ones, and reads the deadline anew after each, so that it can be moved by rewriting the file.
watch_launch() {
  trap '' TERM
  trap 'kill -s KILL "$sleeping" 2>/dev/null; exit 0' USR1
  longest=1
  while :; do
    pause=$longest
    if is_due; then
      # Whoever moves the deadline looks for this mark afterwards; here it is the other way round: one of the two sees the other.
      { printf '' > due; } 2>/dev/null
      is_due && break
      rm -f due
    fi
    bound_log
    sleep "$pause" &
    sleeping=$!
    wait "$sleeping"
    # Its number may be another process's by the time of USR1.
    sleeping=
    longest=$((longest * 2))
    [ "$longest" -gt 30 ] && longest=30
  done
  set -C
  { echo time_limit > cause; } 2>/dev/null
  signal_all TERM
  sleep "$grace_seconds" &
  sleeping=$!
  wait "$sleeping"
  signal_all KILL
}

# write <file> <line>: where the disk is full it waits for space, unless the record is removed. Until then the line is not complete.
write() {
  until { printf '%s\n' "$2" > "$1"; } 2>/dev/null || [ ! -e plan ]; do sleep 0.5; done
}

[ -z "$limit_seconds" ] || write deadline "$((uptime + limit_seconds))"
# Without this line nobody could stop the job.
write started "$pid $start_time $uptime"
{ printf . >> "../.changed/$key"; } 2>/dev/null

watch_launch 9<&- &
watch=$!

# From here on standard error is this shell's own: it says something when a signal ended the job, and nothing when the job
# exited with 128 + n by itself. (Of INT and PIPE no shell says anything: they are recorded as exit codes 130 and 141.)
exec 2<> signal

# The account's side reads its script from an open file: so it needs no right to enter this directory, and nothing of the
# job's environment is there before the privileges are gone.
(
  exec 9<&-
  # Whoever stops leaves its mark before it sends a signal, so either the mark is there by now or the signal comes to this process.
  [ -e stop ] && { set -C; { echo stopped > cause; } 2>/dev/null; exit 143; }
  for cgroup in $cgroups; do
    echo 0 > "$cgroup/cgroup.procs" || { echo 'The job could not be put under its limits.' >&4; exit 125; }
  done
  # If the machine's memory runs out, the kernel should end jobs before the server.
  { echo 300 > /proc/self/oom_score_adj; } 2>/dev/null
  if [ -n "$uid" ]; then
    groups=--clear-groups
    id -un "$uid" >/dev/null 2>&1 && groups=--init-groups
    exec $pin setpriv --reuid "$uid" --regid "$gid" "$groups" --no-new-privs --inh-caps=-all --bounding-set=-all sh -s
  fi
  exec $pin setpriv --no-new-privs sh -s
) < start >> log 2>&1 4<> preparation
code=$?

how=e
read -r said < signal
[ -n "$said" ] && how=s
# What the job left behind ends now, however long the disk is full.
[ "$isolation" = marker ] || signal_all KILL
write outcome "$code $how"

if [ "$isolation" = marker ]; then
  kill -s USR1 "$watch" 2>/dev/null
  wait "$watch" 2>/dev/null
  rounds=0
  while grep -qzxs "UWS_LAUNCH_KEY=$key" /proc/[0-9]*/environ && [ "$rounds" -lt 50 ]; do
    signal_all KILL
    rounds=$((rounds + 1))
  done
fi
exit 0
