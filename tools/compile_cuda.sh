#!/usr/bin/env bash
# Compiles every formula of the registry with nvcc, warnings being errors: tools/compile_cuda.sh DIRECTORY
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
nvcc -c "$root/csrc/cuda/elementwise.cu" -o "$1/elementwise.o" -std=c++20 -O3 -fmad=false --expt-relaxed-constexpr \
    -arch=sm_90 -Werror all-warnings
echo "nvcc compiled every formula"
