// The few primitives in which every formula is written, and the namespace around it.
//
// A formula is plain, branch-free scalar C++. Each instruction set compiles it anew, inside a namespace of its
// own name (NPFUSE_ISA) and with internal linkage, so that the linker can never swap one instruction set's code for
// another's.
#pragma once

#ifndef NPFUSE_ISA
#error "a formula is compiled for one instruction set: define NPFUSE_ISA before including it"
#endif

#ifdef __CUDACC__
#define NPFUSE_FORMULA __host__ __device__ __forceinline__
#define NPFUSE_PASS __device__ __forceinline__
#define NPFUSE_LAMBDA
#define NPFUSE_UNROLL
#else
#define NPFUSE_FORMULA inline __attribute__((always_inline))
// What calls a pass over rows, which on a GPU is inside of a kernel.
#define NPFUSE_PASS NPFUSE_FORMULA
// After the parameters of a lambda.
#define NPFUSE_LAMBDA __attribute__((always_inline))
// Before a loop of up to four iterations that is to be unrolled.
#define NPFUSE_UNROLL _Pragma("GCC unroll 4")
#endif

#define NPFUSE_FORMULAS_BEGIN      \
    namespace npfuse::NPFUSE_ISA { \
    namespace {
#define NPFUSE_FORMULAS_END \
    }                       \
    }
