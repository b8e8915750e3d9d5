#!/usr/bin/env bash
# A Slurm of one's own on loopback, without systemd, cgroups or files outside its folder; as root or not.
#
#   cluster.sh up FOLDER NODES CPUS_PER_NODE    prints SLURM_CONF
#   cluster.sh down FOLDER
set -euo pipefail
action=$1 folder=$(realpath -m "$2")
conf=$folder/slurm.conf

down() {
  export SLURM_CONF=$conf
  timeout 10 scancel --user "$(id -un)" 2>/dev/null || true
  local pids=() pid_file
  for pid_file in "$folder"/run/slurmd-*.pid "$folder"/run/slurmctld.pid "$folder"/run/munged.pid; do
    [ ! -f "$pid_file" ] || pids+=("$(cat "$pid_file")")
  done
  [ ${#pids[@]} -gt 0 ] || return 0
  kill "${pids[@]}" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "${pids[@]}" 2>/dev/null || break  # fails when none is there any more
    sleep 0.1
  done
  kill -KILL "${pids[@]}" 2>/dev/null || true
  pkill -KILL -f "$folder" 2>/dev/null || true  # what still looks after a step
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

up() {
  local nodes=$1 cpus=$2 host user node plugins
  host=$(hostname -s) user=$(id -un)
  plugins=$(dirname "$(find /usr/lib -name mpi_pmix.so -path '*slurm*' | head -n 1)")
  mkdir -p "$folder"/{state,log,run}
  chmod 0755 "$folder" && chmod 0700 "$folder/run"
  (umask 077 && head -c 1024 /dev/urandom >"$folder/run/munge.key")
  munged --key-file="$folder/run/munge.key" --socket="$folder/run/munge.socket" --pid-file="$folder/run/munged.pid" \
    --log-file="$folder/run/munged.log" --seed-file="$folder/run/munge.seed" --num-threads=2 --force 2>/dev/null
  {
    cat <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge.socket
CredType=cred/munge
SlurmctldPort=$(free_port)
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd-%n.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
TmpFS=$folder/tmp/%n
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_min_interval=0
JobRequeue=1
KillWait=5
MinJobAge=300
ReturnToService=2
SlurmdParameters=config_overrides
InactiveLimit=0
MailProg=/bin/true
PluginDir=$plugins
CONF
    for node in $(seq "$nodes"); do
      mkdir -p "$folder/spool/n$node" "$folder/tmp/n$node"
      echo "NodeName=n$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=$cpus Sockets=1" \
        "CoresPerSocket=$cpus ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN"
    done
    echo "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
  } >"$conf"
  echo "CgroupPlugin=cgroup/v1" >"$folder/cgroup.conf"
  export SLURM_CONF=$conf
  slurmctld -f "$conf"
  for node in $(seq "$nodes"); do slurmd -N "n$node" -f "$conf"; done
  for _ in $(seq 200); do
    if [ "$(sinfo -h -N -o %T 2>/dev/null | grep -cx idle)" = "$nodes" ]; then
      echo "$conf"
      return 0
    fi
    sleep 0.1
  done
  echo "the cluster did not come up; its logs end with" >&2
  tail -n 5 "$folder"/log/*.log >&2
  return 1
}

case $action in
  up) up "$3" "$4" || { down; exit 1; } ;;
  down) down ;;
  *) sed -n '2,/^set/p' "$0" >&2; exit 2 ;;
esac
