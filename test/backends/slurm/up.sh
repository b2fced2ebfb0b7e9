#!/usr/bin/env bash
# up.sh DIR -- a real Slurm cluster with several nodes on this machine, all of it below DIR (root, Debian's packages).
#
# munged, slurmctld, slurmdbd on a private mariadbd, and slurmrestd run in the machine's own namespaces; each node is a network, UTS, PID,
# mount and cgroup namespace held by an anchor process (DIR/run/nodeN.anchor) and joined to a bridge. To kill an anchor is to power its node off.
# Called again it leaves alone what runs and starts what does not. One such cluster per machine at a time: its cgroups and bridge have fixed names.
#
# Environment: JOB_USERS (made where missing, noted in DIR/run/made-users), NODES 2, NODE_CPUS 16, NODE_MEM 16000, SUBNET 10.77.0,
# CTLD_PORT, SLURMD_PORT, DBD_PORT, REST_PORT, MIN_JOB_AGE 300, SLURMD_TIMEOUT 20, ACCOUNTING 1 (0: neither slurmdbd nor mariadbd)
set -euo pipefail
D=$(mkdir -p "$1" && cd "$1" && pwd -P)
NODES=${NODES:-2} NODE_CPUS=${NODE_CPUS:-16} NODE_MEM=${NODE_MEM:-16000} SUBNET=${SUBNET:-10.77.0} BRIDGE=uwsslurm
CTLD_PORT=${CTLD_PORT:-6817} SLURMD_PORT=${SLURMD_PORT:-6818} DBD_PORT=${DBD_PORT:-6819} REST_PORT=${REST_PORT:-6820}
MIN_JOB_AGE=${MIN_JOB_AGE:-300} SLURMD_TIMEOUT=${SLURMD_TIMEOUT:-20} ACCOUNTING=${ACCOUNTING:-1}
IP=$SUBNET.1 H=$(hostname -s)
say() { printf '%s\n' "$*" >&2; }

id slurmrest >/dev/null 2>&1 || { useradd --system --no-create-home --shell /usr/sbin/nologin slurmrest; }
install -d -m 0755 "$D" "$D/etc" "$D/log" "$D/run" "$D/spool" "$D/cg" "$D/home"
for user in $JOB_USERS; do
  id "$user" >/dev/null 2>&1 || { useradd --create-home --skel /dev/null --home-dir "$D/home/$user" --shell /bin/bash "$user"; echo "$user" >>"$D/run/made-users"; }
done
install -d -m 0755 -o slurm -g slurm "$D/spool/ctld" "$D/run/slurmctld" "$D/log/slurmctld" "$D/run/slurmdbd" "$D/log/slurmdbd" "$D/keys"
install -d -m 0755 -o munge -g munge "$D/run/munge"
install -d -m 0700 -o munge -g munge "$D/munge" "$D/log/munge"
install -d -m 0755 -o slurmrest -g slurmrest "$D/run/rest"
install -d -m 0755 -o mysql -g mysql "$D/run/mysql" "$D/log/mysql"
install -d -m 0700 -o mysql -g mysql "$D/mysql"

[ -s "$D/munge/munge.key" ] || { (umask 077; head -c 128 /dev/urandom >"$D/munge/munge.key"); chown munge:munge "$D/munge/munge.key"; }
[ -s "$D/keys/jwt.key" ] || { (umask 077; head -c 32 /dev/urandom >"$D/keys/jwt.key"); chown slurm:slurm "$D/keys/jwt.key"; }
munge_socket=$D/run/munge/munge.socket.2
# The last node has two GPUs: devices as Slurm wants them, on which nothing can be computed.
for gpu in gpu0 gpu1; do [ -e "$D/run/$gpu" ] || mknod "$D/run/$gpu" c 1 3; done
echo "NodeName=node$NODES Name=gpu File=$D/run/gpu[0-1]" >"$D/etc/gres.conf"

printf '%s\n' CgroupPlugin=cgroup/v1 "CgroupMountpoint=$D/cg" CgroupAutomount=no ConstrainCores=no ConstrainRAMSpace=yes \
  ConstrainSwapSpace=no AllowedSwapSpace=0 MinRAMSpace=10 >"$D/etc/cgroup.conf"
{
  cat <<CONF
ClusterName=uws
SlurmctldHost=$H($IP)
SlurmctldPort=$CTLD_PORT
SlurmdPort=$SLURMD_PORT
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$munge_socket
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=$D/keys/jwt.key
CredType=cred/munge
CommunicationParameters=NoAddrCache
StateSaveLocation=$D/spool/ctld
SlurmdSpoolDir=$D/spool/%n
SlurmctldPidFile=$D/run/slurmctld/slurmctld.pid
SlurmdPidFile=$D/run/slurmd-%n.pid
SlurmctldLogFile=$D/log/slurmctld/slurmctld.log
SlurmdLogFile=$D/log/slurmd-%n.log
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=5
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=5
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=$SLURMD_TIMEOUT
KillWait=3
MinJobAge=$MIN_JOB_AGE
MaxJobCount=30000
InactiveLimit=0
MailProg=/bin/true
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
GresTypes=gpu
CONF
  if [ "$ACCOUNTING" = 1 ]; then
    cat <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$IP
AccountingStoragePort=$DBD_PORT
AccountingStoragePass=$munge_socket
AccountingStoreFlags=job_comment
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=limits,qos
CONF
  else
    echo AccountingStorageType=accounting_storage/none
  fi
  names=
  for ((i = 1; i <= NODES; i++)); do
    gres=
    [ "$i" = "$NODES" ] && gres=Gres=gpu:2
    echo "NodeName=node$i NodeHostname=node$i NodeAddr=$SUBNET.1$i CPUs=$NODE_CPUS RealMemory=$NODE_MEM Feature=node$i $gres State=UNKNOWN"
    names=$names,node$i
  done
  echo "PartitionName=main Nodes=${names#,} Default=YES MaxTime=INFINITE State=UP"
  echo "PartitionName=short Nodes=${names#,} MaxTime=2 State=UP"
  echo "PartitionName=gpu Nodes=node$NODES State=UP"
  echo "PartitionName=urgent Nodes=${names#,} PriorityTier=10 State=UP"
} >"$D/etc/slurm.conf"
cat >"$D/etc/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$munge_socket
DbdHost=$H
DbdAddr=$IP
DbdPort=$DBD_PORT
SlurmUser=slurm
LogFile=$D/log/slurmdbd/slurmdbd.log
PidFile=$D/run/slurmdbd/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StorageLoc=slurm_acct_db
CONF
chown slurm:slurm "$D/etc/slurmdbd.conf"
chmod 0600 "$D/etc/slurmdbd.conf"
export SLURM_CONF=$D/etc/slurm.conf

is() { [ -n "$1" ] && [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] && ! grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null; }
alive() { is "$(cat "$1" 2>/dev/null)" "$2"; }
await() {
  local what=$1 tries=0
  shift
  until "$@" >/dev/null 2>&1; do
    [ $((tries += 1)) -lt 600 ] || { say "gave up waiting for $what"; exit 1; }
    sleep 0.1
  done
}

# The network and the nodes. An anchor is process 1 of its node: bash takes in orphans.
ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
ip addr replace "$IP/24" dev "$BRIDGE"
ip link set "$BRIDGE" up
echo "$NODES" >"$D/run/nodes"
for ((i = 1; i <= NODES; i++)); do
  n=node$i
  alive "$D/run/$n.anchor" "anchor$i" && continue
  rm -f "$D/run/$n.ready"
  setsid unshare --net --uts --pid --fork --kill-child --mount --cgroup --mount-proc bash -c '
    printf %s "$2" >/proc/self/comm; hostname "$1"; ip link set lo up
    mount -t tmpfs none "$3/cg"
    for c in memory freezer cpuset cpuacct cpu devices; do mkdir "$3/cg/$c"; mount -t cgroup -o "$c" cgroup "$3/cg/$c" || exit 1; done
    : >"$3/run/$1.ready"; while :; do sleep 3600 & wait $!; done' anchor "$n" "anchor$i" "$D" </dev/null >"$D/log/$n.anchor" 2>&1 &
  holder=$!
  await "the namespaces of $n" test -e "$D/run/$n.ready"
  anchor=$(cat "/proc/$holder/task/$holder/children")
  anchor=${anchor%% *}
  echo "$anchor" >"$D/run/$n.anchor"
  ip link del "uwssl$i" 2>/dev/null || true
  ip link add "uwssl$i" type veth peer name eth0 netns "$anchor"
  ip link set "uwssl$i" master "$BRIDGE" up
  nsenter -t "$anchor" -n ip addr add "$SUBNET.1$i/24" dev eth0
  nsenter -t "$anchor" -n ip link set eth0 up
done

alive "$D/run/munge/munged.pid" munged ||
  setpriv --reuid=munge --regid="$(id -g munge)" --clear-groups munged --key-file="$D/munge/munge.key" --socket="$munge_socket" \
    --pid-file="$D/run/munge/munged.pid" --log-file="$D/log/munge/munged.log" --seed-file="$D/munge/munged.seed" --num-threads=4 </dev/null
await munged munge -n --socket="$munge_socket"

start_accounting() {
  # slurmdbd has no setting for the socket of its database: the client library takes it from MYSQL_UNIX_PORT.
  socket=$D/run/mysql/m.sock
  [ -d "$D/mysql/mysql" ] ||
    mariadb-install-db --no-defaults --user=mysql --datadir="$D/mysql" --auth-root-authentication-method=socket --skip-test-db >"$D/log/mysql/install.log" 2>&1
  if ! alive "$D/run/mysql/m.pid" mariadbd; then
    setsid setpriv --reuid=mysql --regid="$(id -g mysql)" --clear-groups mariadbd --no-defaults --datadir="$D/mysql" --socket="$socket" --pid-file="$D/run/mysql/m.pid" \
      --skip-networking --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=2 --skip-log-bin </dev/null >"$D/log/mysql/m.log" 2>&1 &
  fi
  await mariadbd mariadb-admin --no-defaults --socket="$socket" -u root ping
  mariadb --no-defaults --socket="$socket" -u root -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db; CREATE USER IF NOT EXISTS slurm@localhost IDENTIFIED VIA unix_socket; GRANT ALL ON slurm_acct_db.* TO slurm@localhost"
  alive "$D/run/slurmdbd/slurmdbd.pid" slurmdbd ||
    MYSQL_UNIX_PORT=$socket setpriv --reuid=slurm --regid="$(id -g slurm)" --clear-groups slurmdbd </dev/null >"$D/log/slurmdbd.out" 2>&1
  await slurmdbd sacctmgr -n show cluster
  [ -n "$(sacctmgr -n -P show cluster uws format=cluster)" ] || sacctmgr -i add cluster uws >/dev/null
  [ -n "$(sacctmgr -n -P show account lab format=account)" ] || sacctmgr -i add account lab cluster=uws >/dev/null
  for user in $JOB_USERS; do
    [ -n "$(sacctmgr -n -P show assoc user="$user" account=lab format=user)" ] || sacctmgr -i add user "$user" account=lab cluster=uws >/dev/null
  done
}
if [ "$ACCOUNTING" = 1 ]; then start_accounting; fi

alive "$D/run/slurmctld/slurmctld.pid" slurmctld || slurmctld </dev/null >"$D/log/slurmctld.out" 2>&1
await slurmctld sh -c 'scontrol ping | grep -q "is UP"'
for ((i = 1; i <= NODES; i++)); do
  anchor=$(cat "$D/run/node$i.anchor")
  # The file holds a number of the node's own process namespace.
  nsenter -t "$anchor" -p -m sh -c 'p=$(cat "$1" 2>/dev/null) && [ "$(cat /proc/$p/comm)" = slurmd ] && ! grep -q "^State:.[ZX]" /proc/$p/status' \
    sh "$D/run/slurmd-node$i.pid" 2>/dev/null && continue
  nsenter -t "$anchor" -n -u -p -m -C slurmd </dev/null >"$D/log/slurmd-node$i.out" 2>&1
done
for ((i = 1; i <= NODES; i++)); do
  await "node$i" sh -c "sinfo -h -n node$i -p main -o %T | grep -qxE 'idle|mixed|allocated|completing'"
done

# Without -s slurmrestd dies where its newest plugin wants an accounting that it does not find.
if ! alive "$D/run/rest/slurmrestd.pid" slurmrestd; then
  SLURM_JWT=daemon setsid setpriv --reuid=slurmrest --regid="$(id -g slurmrest)" --clear-groups slurmrestd -a rest_auth/jwt \
    -s openapi/v0.0.36,openapi/v0.0.37,openapi/v0.0.38 "127.0.0.1:$REST_PORT" </dev/null >>"$D/log/slurmrestd.log" 2>&1 &
  echo $! >"$D/run/rest/slurmrestd.pid"
fi
await slurmrestd sh -c "curl -s -o /dev/null http://127.0.0.1:$REST_PORT/openapi"
