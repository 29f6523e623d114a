// What csrc/cuda/device.cu takes from the driver's header.
#pragma once

struct CUctx_st;
using CUcontext = CUctx_st*;
enum CUresult { CUDA_SUCCESS = 0 };
