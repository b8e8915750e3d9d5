# shellcheck shell=bash
# Sourced by kvcompare-supervise and slurm/batch.sh.

# usable_gpus PROGRAM FOLDER: the GPUs of this host that answer `PROGRAM doctor`, as CUDA_VISIBLE_DEVICES wants them
# ("0,2,3"); nothing if none does. FOLDER: the output folder, which doctor looks at too.
usable_gpus() {
  local index usable='' visible=()
  if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then IFS=, read -ra visible <<<"$CUDA_VISIBLE_DEVICES"; fi
  # A GPU that is lost may let the program wait for ever.
  for index in $(timeout --kill-after=10 120 "$1" doctor --output_dir "$2" 2>/dev/null | sed -n 's/^ok *GPU \([0-9]*\) .*/\1/p'); do
    usable+=${usable:+,}${visible[$index]:-$index}
  done
  echo "$usable"
}

# n_gpus_in LIST: how many a list of that form names.
n_gpus_in() {
  local names
  IFS=, read -ra names <<<"$1"
  echo ${#names[@]}
}
