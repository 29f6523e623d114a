// How a kernel says what the threads of a block do. A kernel is a struct:
//
//     struct Kernel {
//         static constexpr int threads = 256;
//         static constexpr int blocks_at_once = 4;  // on a multiprocessor, at least; may be left out
//         struct Shared { ... };  // what the threads of a block share
//         NPFUSE_DEVICE void operator()(const Block<threads>& block, Shared& shared) const {
//             block.each([&](int thread) { ... });  // one step
//             block.each([&](int thread) { ... });  // the next, when every thread has done the first
//         }
//     };
//
// Its copy is what the launch passes on. Between two steps only what every thread computes alike is allowed. So the
// same text runs on a host, where the threads of a step take turns: that is how tests reach it without a GPU. They take
// them in either order there: a result that depends on it lacks a step.
//
// After block.each_in_warps, only the threads of a warp have waited for each other, which costs next to nothing.
#pragma once

#ifdef __CUDACC__
#define NPFUSE_DEVICE __device__ __forceinline__
#else
#define NPFUSE_DEVICE inline
#endif

namespace npfuse::device {

#ifndef __CUDACC__
inline bool last_thread_first = false;
#endif

template <int threads>
struct Block {
    long long index;

    template <class Work>
    NPFUSE_DEVICE void each(Work work) const {
#ifdef __CUDACC__
        work(static_cast<int>(threadIdx.x));
        __syncthreads();
#else
        for (int turn = 0; turn < threads; ++turn) work(last_thread_first ? threads - 1 - turn : turn);
#endif
    }

    template <class Work>
    NPFUSE_DEVICE void each_in_warps(Work work) const {
#ifdef __CUDACC__
        work(static_cast<int>(threadIdx.x));
        __syncwarp();
#else
        each(work);
#endif
    }
};

// A number of each thread's own that lasts from step to step.
template <class T, int threads>
class Own {
public:
#ifdef __CUDACC__
    NPFUSE_DEVICE T& operator[](int) { return value_; }

private:
    T value_;
#else
    T& operator[](int thread) { return values_[thread]; }

private:
    T values_[threads];
#endif
};

struct Nothing {};

}  // namespace npfuse::device
