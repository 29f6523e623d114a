// The largest of a few pieces, and its gradient given back to the piece that won.
#define NPFUSE_ISA cuda
#include "../loops/storage.h"
#include "launch.h"
#include "table.h"

NPFUSE_FORMULAS_BEGIN

// Where piece 0 of element i lies in an array of shape (outer, pieces, inner); the others are inner apart.
NPFUSE_DEVICE long long first_piece(const device::MaxoutCall& call, long long i) {
    return i / call.inner * call.pieces * call.inner + i % call.inner;
}

// The first NaN wins and stays; of equal pieces the first.
template <class S>
struct Maxout {
    static NPFUSE_DEVICE void run(const device::MaxoutCall& call, long long i) {
        using T = compute_t<S>;
        const S* piece = static_cast<const S*>(call.parts) + first_piece(call, i);
        S best = *piece;
        int winner = 0;
        for (int k = 1; k < call.pieces; ++k) {
            const S next = piece[k * call.inner];
            const T largest = to_compute(best);
            if (!(to_compute(next) <= largest) && largest == largest) {
                best = next;
                winner = k;
            }
        }
        static_cast<S*>(call.whole)[i] = best;
        call.index[i] = winner;
    }
};

template <class S>
struct MaxoutBackward {
    static NPFUSE_DEVICE void run(const device::MaxoutCall& call, long long i) {
        S* piece = static_cast<S*>(call.parts) + first_piece(call, i);
        for (int k = 0; k < call.pieces; ++k)
            piece[k * call.inner] = k == call.index[i] ? static_cast<const S*>(call.whole)[i] : S{};
    }
};

template <class Body>
struct MaxoutKernel {
    using Shared = device::Nothing;
    static constexpr int threads = 256;

    device::MaxoutCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long i = block.index * threads + thread;
            if (i < call.n) Body::run(call, i);
        });
    }
};

template <class Body>
void launch_maxout(const device::MaxoutCall& call, device::Stream stream) {
    using Kernel = MaxoutKernel<Body>;
    device::launch(Kernel{call}, device::blocks_for(call.n, Kernel::threads), stream);
}

template <template <class> class Body>
inline constexpr device::MaxoutLauncher maxout_launchers[floating_dtype_count] = {
    launch_maxout<Body<float16>>, launch_maxout<Body<bfloat16>>, launch_maxout<Body<float>>,
    launch_maxout<Body<double>>};

NPFUSE_FORMULAS_END

namespace npfuse::device {

Span<MaxoutLauncher> maxout() { return {cuda::maxout_launchers<cuda::Maxout>, floating_dtype_count}; }
Span<MaxoutLauncher> maxout_backward() { return {cuda::maxout_launchers<cuda::MaxoutBackward>, floating_dtype_count}; }

}  // namespace npfuse::device
