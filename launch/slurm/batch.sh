# shellcheck shell=bash
# What the batch scripts of this folder have in common. Sourced by them, with their arguments.
#
#   sbatch [SBATCH OPTIONS] launch/slurm/one_node.sbatch     [--] KVCOMPARE FLAGS...
#   sbatch [SBATCH OPTIONS] launch/slurm/several_nodes.sbatch [--] KVCOMPARE FLAGS...
#   sbatch [SBATCH OPTIONS] launch/slurm/array.sbatch    [--] KVCOMPARE FLAGS...
#
# --resume is added to the flags. Environment, passed on by sbatch:
#
#   KVCOMPARE               the program (default: build/release/kvcompare of this project, or the one that was installed with this script)
#   KVCOMPARE_LAUNCHER      srun (default) or mpirun
#   KVCOMPARE_MAX_RESTARTS  requeues of the job at most (default 20)
#
# Slurm sends SIGUSR1 some time before the limit (--signal=B:USR1@180). It is passed on to kvcompare, which ends cleanly
# with exit code 75; the job is then requeued, and goes on where it ended. So it is after a crash.
#
# GPUs of a job on one node that do not answer are done without: no more tasks are started than there are others.
set -uo pipefail

# shellcheck source=launch/usable_gpus.sh
source "$KVCOMPARE_ROOT/launch/usable_gpus.sh"

say() { echo "$(date +%T) batch: $*" >&2; }

[ -n "${SLURM_JOB_ID:-}" ] || { echo "this is a batch script: sbatch $0 [--] KVCOMPARE FLAGS..." >&2; exit 2; }
[ "${1:-}" != -- ] || shift
[ $# -gt 0 ] || { say "no flags for kvcompare: sbatch SCRIPT --model_name M --data_path D --output_dir OUT"; exit 2; }
program=${KVCOMPARE:-$KVCOMPARE_ROOT/build/release/kvcompare}
# Installed, this file is PREFIX/share/kvcompare/launch/slurm/batch.sh.
installed=$KVCOMPARE_ROOT/../../bin/kvcompare
if [ -z "${KVCOMPARE:-}" ] && [ ! -x "$program" ] && [ -x "$installed" ]; then program=$(realpath "$installed"); fi
[ -x "$program" ] || { say "there is no program $program; build it (launch/build.sh release) or set KVCOMPARE"; exit 2; }
launcher=${KVCOMPARE_LAUNCHER:-srun}
case $launcher in
  # A rank that dies ends the step; without that the others would wait for it.
  srun) command=(srun --mpi=pmix --kill-on-bad-exit=1) ;;
  mpirun) command=(mpirun) ;;
  *) say "KVCOMPARE_LAUNCHER is '$launcher'; give srun or mpirun"; exit 2 ;;
esac
restarts=${SLURM_RESTART_COUNT:-0} max_restarts=${KVCOMPARE_MAX_RESTARTS:-20}

out=comparison_results previous=
for argument in "$@"; do
  case $argument in --output_dir=* | --output-dir=* | --output=*) out=${argument#*=} ;; esac
  case $previous in --output_dir | --output-dir | --output) out=$argument ;; esac
  previous=$argument
done

if [ "${SLURM_JOB_NUM_NODES:-1}" = 1 ] && [ "${SLURM_GPUS_ON_NODE:-0}" -gt 0 ]; then
  gpus=$(usable_gpus "$program" "$out") n_gpus=0
  [ -z "$gpus" ] || n_gpus=$(n_gpus_in "$gpus")
  if [ "$n_gpus" -lt "$SLURM_GPUS_ON_NODE" ]; then
    say "only $n_gpus of $SLURM_GPUS_ON_NODE GPUs answer (${gpus:-none}); $program doctor tells more"
    n_tasks=${SLURM_NTASKS:-1}
    if [ "$n_tasks" -gt "$n_gpus" ] && [[ " $* " != *" --share_gpu"* ]]; then n_tasks=$n_gpus; fi
    # Behind srun, which sets CUDA_VISIBLE_DEVICES itself.
    [ "$n_gpus" = 0 ] || command+=(-n "$n_tasks" env "CUDA_VISIBLE_DEVICES=$gpus")
  fi
fi

child= n_stops=0
# shellcheck disable=SC2317  # called by the trap
stop() {
  n_stops=$((n_stops + 1))
  say "told to stop: passing it on"
  [ -n "$child" ] || { told_early=yes; return 0; }
  # srun itself would take a signal for its own; mpirun passes SIGUSR1 on.
  if [ "$launcher" = srun ]; then scancel --signal=USR1 "$SLURM_JOB_ID.0"; else kill -USR1 "$child"; fi
}
trap stop USR1

say "job $SLURM_JOB_ID on ${SLURM_JOB_NODELIST:-?}, ${SLURM_NTASKS:-?} tasks by $launcher, restart $restarts"
# srun returns the highest code of all tasks. When it ends the other tasks of one that refuses its input (2), that is
# theirs (75, 143); so what each task told is read from what srun says.
told=$(mktemp)
exec {errors}> >(exec tee "$told" >&2)
tee=$!
"${command[@]}" "$program" "$@" --resume 2>&"$errors" &
child=$!
# A step takes signals when it has begun.
if [ -n "${told_early:-}" ]; then sleep 5; stop; fi
previous=
while :; do  # wait returns early for a signal, with a code that is not the child's
  stops=$n_stops
  wait "$child"
  code=$?
  if [ "$code" = 127 ] && [ -n "$previous" ]; then code=$previous; break; fi  # it had told its code before
  if [ "$stops" = "$n_stops" ]; then break; fi
  previous=$code
done
exec {errors}>&-
wait "$tee"
first=$(sed -n 's/^srun: error: .*: Exited with exit code \([0-9]*\)$/\1/p' "$told" | sort -n | head -n 1)
rm -f "$told"
if [ -n "$first" ] && [ "$first" -gt 1 ] && [ "$first" -lt 75 ]; then code=$first; fi
say "kvcompare ended with exit code $code"
if [ "$code" = 0 ] && [ ! -e "$out/COMPLETE" ]; then
  say "but $out/COMPLETE is not there: $launcher has not started it"  # srun returns 0 if a step cannot be launched
  code=1
fi

case $code in
  1 | 75 | 110 | 134 | 137 | 139 | 143)
    if [ "$restarts" -ge "$max_restarts" ]; then
      say "requeued $restarts times already (KVCOMPARE_MAX_RESTARTS=$max_restarts): giving up"
      exit "$code"
    fi
    say "requeueing the job"
    if scontrol requeue "$SLURM_JOB_ID"; then
      exec sleep 600  # until Slurm ends it: an exit code of our own would end the job
    fi
    say "the job cannot be requeued; submit it again with the same flags to go on"
    ;;
esac
exit "$code"
