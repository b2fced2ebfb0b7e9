#!/usr/bin/env bash
# down.sh DIR -- ends everything that up.sh started below DIR, jobs first, and removes DIR, the nodes, the bridge and the users that it made.
set -uo pipefail
D=$(cd "$1" 2>/dev/null && pwd -P) || exit 0
export SLURM_CONF=$D/etc/slurm.conf
is() { [ -n "$1" ] && [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] && ! grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null; }
stop() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && is "$pid" "$2" || return 0
  kill -TERM "$pid"
  for ((k = 0; k < 100; k++)); do is "$pid" "$2" || return 0; sleep 0.1; done
  kill -KILL "$pid"
}
stop "$D/run/rest/slurmrestd.pid" slurmrestd
# The end of a node's process 1 ends its slurmd and every process of its jobs.
N=$(cat "$D/run/nodes" 2>/dev/null || echo 0)
for ((k = 1; k <= N; k++)); do
  pid=$(cat "$D/run/node$k.anchor" 2>/dev/null) && is "$pid" "anchor$k" && kill -KILL "$pid"
  for ((t = 0; t < 50; t++)); do is "$pid" "anchor$k" || break; sleep 0.1; done
  ip link del "uwssl$k" 2>/dev/null
done
stop "$D/run/slurmctld/slurmctld.pid" slurmctld
stop "$D/run/slurmdbd/slurmdbd.pid" slurmdbd
stop "$D/run/mysql/m.pid" mariadbd
stop "$D/run/munge/munged.pid" munged
# A node that was powered off leaves its cgroups behind; rmdir refuses any that still holds a process.
for ((k = 1; k <= N; k++)); do
  while read -r _ mount _; do
    find "$mount" -depth -type d \( -path "*/slurm_node$k/*" -o -name "slurm_node$k" \) -exec rmdir {} + 2>/dev/null
  done < <(awk '$3 == "cgroup"' /proc/self/mounts)
done
ip link del uwsslurm 2>/dev/null
while read -r user; do userdel "$user" 2>/dev/null; done < <(cat "$D/run/made-users" 2>/dev/null)
rm -rf "$D"
exit 0
