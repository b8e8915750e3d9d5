# shellcheck shell=bash
# What comes from the Python package index: libtorch, NCCL, plotly.js, Apache Arrow, and CMake where the system's is too old.
# Nothing of it is installed into a Python: the wheels are unpacked into KVCOMPARE_DEPS. Sourced by setup.sh.

TORCH_VERSION=2.11.0
NCCL_VERSION=2.28.9
ARROW_VERSION=26.0.1  # of the wheel pyarrow; also in cmake/arrow.cmake
PLOTLY_VERSION=7.1.0  # of the wheel, which holds plotly.js 4.1.1; also in cmake/plotly.cmake
# Loaded by libtorch_cpu.so of that wheel; the versions that its metadata ask for (cuda-toolkit 13.0.2).
TORCH_NEEDS=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
# Loaded by libtorch_cuda.so on top of them, from the same metadata.
TORCH_CUDA_NEEDS=(nvidia-cublas==13.1.0.3 nvidia-cuda-nvrtc==13.0.88 nvidia-cudnn-cu13==9.19.0.56
  nvidia-cufft==12.0.0.61 nvidia-cufile==1.15.1.6 nvidia-curand==10.4.0.35 nvidia-cusolver==12.0.4.66
  nvidia-cusparse==12.6.3.3 nvidia-cusparselt-cu13==0.8.0 "nvidia-nccl-cu13==$NCCL_VERSION"
  nvidia-nvjitlink==13.0.88 nvidia-nvshmem-cu13==3.4.5 nvidia-nvtx==13.0.85)

# A Python with pip; nothing if there is none. The first on the path may be an environment without it.
find_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then echo "$python"; return; fi
  done
}

torch_folder() { echo "$KVCOMPARE_DEPS/torch-$TORCH_VERSION"; }
torch_cuda_folder() { echo "$KVCOMPARE_DEPS/torch-$TORCH_VERSION-cuda"; }
nccl_folder() { echo "$KVCOMPARE_DEPS/nccl-$NCCL_VERSION"; }
arrow_folder() { echo "$KVCOMPARE_DEPS/pyarrow-$ARROW_VERSION"; }
plotly_folder() { echo "$KVCOMPARE_DEPS/plotly-$PLOTLY_VERSION"; }

# A PyTorch that cmake/torch.cmake will take: one named by the user, else the one of python3.
torch_is_here() {
  local prefix IFS=':;'
  [ -z "${Torch_DIR:-}" ] || return 0
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    if [ -e "$prefix/share/cmake/Torch/TorchConfig.cmake" ] || [ -e "$prefix/Torch/TorchConfig.cmake" ]; then
      return 0
    fi
  done
  python3 "$KVCOMPARE_ROOT/cmake/installed_torch.py" >/dev/null 2>&1
}

# NCCL's header where a build looks for it: in a prefix that the user names, the system's, or beside the PyTorch of python3.
nccl_is_here() {
  local torch
  if given_prefix_has include/nccl.h || [ -e /usr/include/nccl.h ]; then return 0; fi
  torch=$(python3 "$KVCOMPARE_ROOT/cmake/installed_torch.py" 2>/dev/null) && [ -e "$torch/../nvidia/nccl/include/nccl.h" ]
}

nccl_is_wanted() { [ "${KVCOMPARE_NCCL:-1}" != 0 ]; }
parquet_is_wanted() { [ "${KVCOMPARE_PARQUET:-0}" != 0 ]; }

# missing_wheels [cuda]: one word for each thing that has to be fetched.
missing_wheels() {
  if [ "${1:-}" = cuda ]; then
    [ -d "$(torch_cuda_folder)" ] || torch_is_here || echo cuda
  else
    [ -d "$(torch_folder)" ] || torch_is_here || echo torch
  fi
  [ -d "$(nccl_folder)" ] || ! nccl_is_wanted || nccl_is_here || echo nccl
  [ -d "$(plotly_folder)" ] || given_prefix_has share/plotly/plotly.min.js || echo plotly
  [ -d "$(arrow_folder)" ] || ! parquet_is_wanted || echo arrow
  if [ -z "$(find_cmake)" ] && ! missing_tools | grep -q '^cmake '; then echo cmake; fi
}

# fetch_wheels FOLDER REQUIREMENT...: unpacks them into FOLDER, which is removed if that fails.
fetch_wheels() {
  local partial=$1 python
  shift
  python=$(find_pip)
  [ -n "$python" ] || { setup_fail "python3 has no pip to fetch $* with; install python3-pip"; return 1; }
  setup_say "fetching into ${KVCOMPARE_DEPS#"$KVCOMPARE_ROOT"/}: $*"
  rm -rf "$partial"
  # libtorch is the same for every version of Python, so one is named, whatever runs here.
  if ! PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.12 --target "$partial" "$@" >&2; then
    rm -rf "$partial"
    setup_fail "pip could not fetch $* (see its message above). This step needs the network, once."
    return 1
  fi
}

# unpack_wheels FOLDER REQUIREMENT...: FOLDER is there complete or not at all.
unpack_wheels() {
  local folder=$1
  shift
  fetch_wheels "$folder.partial" "$@" || return 1
  mv "$folder.partial" "$folder"
}

# Of the wheel `plotly` only plotly.js and its licence stay.
unpack_plotly() {
  local folder partial
  folder=$(plotly_folder) partial=$(plotly_folder).partial
  fetch_wheels "$partial.wheel" "plotly==$PLOTLY_VERSION" || return 1
  rm -rf "$partial"
  mkdir "$partial"
  mv "$partial.wheel/plotly/package_data/plotly.min.js" "$partial.wheel/plotly-$PLOTLY_VERSION.dist-info/licenses/LICENSE.txt" "$partial" ||
    { setup_fail "the wheel plotly $PLOTLY_VERSION does not hold plotly.min.js and LICENSE.txt where it should"; return 1; }
  rm -rf "$partial.wheel"
  mv "$partial" "$folder"
}

# Of the wheel `pyarrow` only headers, the two libraries that read Parquet, and licences stay.
unpack_arrow() {
  local folder partial
  folder=$(arrow_folder) partial=$(arrow_folder).partial
  fetch_wheels "$partial.wheel" "pyarrow==$ARROW_VERSION" || return 1
  rm -rf "$partial"
  mkdir -p "$partial/pyarrow"
  mv "$partial.wheel"/pyarrow/{include,libarrow.so.*,libparquet.so.*} "$partial/pyarrow" &&
    mv "$partial.wheel/pyarrow-$ARROW_VERSION.dist-info/licenses" "$partial" ||
    { setup_fail "the wheel pyarrow $ARROW_VERSION does not hold Arrow's headers, libraries and licences where it should"; return 1; }
  rm -rf "$partial.wheel"
  mv "$partial" "$folder"
}

# install_wheels [cuda]
install_wheels() (
  missing=$(missing_wheels "$@")
  [ -n "$missing" ] || exit 0
  mkdir -p "$KVCOMPARE_DEPS" && exec 9>"$KVCOMPARE_DEPS/lock" && flock 9 ||
    { setup_fail "$KVCOMPARE_DEPS cannot be written to; its owner has to run this, or KVCOMPARE_DEPS has to name another folder"; exit 1; }
  missing=$(missing_wheels "$@")  # another set-up may have been at work meanwhile
  case $missing in *cmake*)
    setup_say "CMake here is missing or older than $OLDEST_CMAKE"
    unpack_wheels "$(cmake_wheel_folder)" "cmake==$CMAKE_WHEEL_VERSION" || exit 1 ;;
  esac
  case $missing in *torch*)
    setup_say "no PyTorch >= 2.6 here that a C++ program can link: libtorch is fetched (600 MB)"
    unpack_wheels "$(torch_folder)" "torch==$TORCH_VERSION" "${TORCH_NEEDS[@]}" || exit 1 ;;
  esac
  case $missing in *nccl*)
    setup_say "NCCL is fetched (200 MB; KVCOMPARE_NCCL=0 leaves it out)"
    unpack_wheels "$(nccl_folder)" "nvidia-nccl-cu13==$NCCL_VERSION" || exit 1 ;;
  esac
  case $missing in *plotly*)
    setup_say "plotly.js, which draws the charts of report.html, is fetched (10 MB, of which 5 MB stay)"
    unpack_plotly || exit 1 ;;
  esac
  case $missing in *arrow*)
    setup_say "Apache Arrow, which reads Parquet files, is fetched (65 MB stay, unpacked)"
    unpack_arrow || exit 1 ;;
  esac
  case $missing in *cuda*)
    setup_say "libtorch with the NVIDIA libraries that its CUDA part loads is fetched (3 GB)"
    unpack_wheels "$(torch_cuda_folder)" "torch==$TORCH_VERSION" "${TORCH_NEEDS[@]}" "${TORCH_CUDA_NEEDS[@]}" || exit 1 ;;
  esac
)
