// Arrays of any strides, brought together into contiguous memory and back.
#include <cstdint>

#include "launch.h"
#include "table.h"

namespace npfuse::device {

namespace {

template <class Item, bool gathers>
struct CopyKernel {
    using Shared = Nothing;
    static constexpr int threads = 256;

    CopyCall call;

    NPFUSE_DEVICE void operator()(const Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long i = block.index * threads + thread;
            if (i >= call.n) return;
            Item* own = reinterpret_cast<Item*>(call.contiguous) + i;
            Item* other = reinterpret_cast<Item*>(call.strided + offset(i));
            if constexpr (gathers)
                *own = *other;
            else
                *other = *own;
        });
    }

private:
    NPFUSE_DEVICE long long offset(long long i) const {
        long long bytes = 0;
        for (int d = call.dimensions - 1; d >= 0; --d) {
            bytes += i % call.shape[d] * call.strides[d];
            i /= call.shape[d];
        }
        return bytes;
    }
};

template <class Item, bool gathers>
void launch_copy(const CopyCall& call, Stream stream) {
    using Kernel = CopyKernel<Item, gathers>;
    launch(Kernel{call}, blocks_for(call.n, Kernel::threads), stream);
}

template <bool gathers>
void copy(const CopyCall& call, Stream stream) {
    switch (call.item_size) {
        case 1:
            return launch_copy<std::uint8_t, gathers>(call, stream);
        case 2:
            return launch_copy<std::uint16_t, gathers>(call, stream);
        case 4:
            return launch_copy<std::uint32_t, gathers>(call, stream);
        default:
            return launch_copy<std::uint64_t, gathers>(call, stream);
    }
}

}  // namespace

void gather(const CopyCall& call, Stream stream) { copy<true>(call, stream); }
void scatter(const CopyCall& call, Stream stream) { copy<false>(call, stream); }

}  // namespace npfuse::device
