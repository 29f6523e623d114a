// How an optimizer's formula runs over many arrays in one launch: a block for each tile of their elements.
#define NPFUSE_ISA cuda
#include <utility>

#include "../loops/update.h"
#include "launch.h"
#include "pack.h"
#include "table.h"

NPFUSE_FORMULAS_BEGIN

// Sixteen random bits for an element: those of loops/stochastic.h.
NPFUSE_DEVICE uint16_t random_bits_of(long long element, const StochasticRounding& rounding) {
    constexpr long long calls = block_length / 8;
    const long long place = element % block_length;
    const unsigned long long number = element / block_length * calls + place % calls;
    const RandomWords random = random_words(
        {{(unsigned int)(number), (unsigned int)(number >> 32), rounding.array, rounding.step}}, rounding.seed);
    const int half = static_cast<int>(place / calls);
    const unsigned int word = random.word[half / 2];
    return uint16_t(half % 2 == 0 ? word : word >> 16);
}

template <class Formula, class T, Extra extra>
struct UpdateTile {
    using Shared = device::Nothing;
    static constexpr int threads = 256, blocks_at_once = sizeof(T) == sizeof(float) ? 3 : 1;
    static constexpr int length = 4, packs = device::update_tile / (threads * length);
    static constexpr int state_count = static_cast<int>(states_of<Formula>().count);

    device::UpdateCall call;
    Prepared<Formula, T> by;
    unsigned step;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        const long long tile = call.first_tile + block.index;
        const device::UpdateRecord& record = call.records[call.record_of_tile[tile]];
        block.each([&](int thread) {
            const long long first = (tile - record.first_tile) * device::update_tile + thread * length;
            if (first < record.size) update_as_stored(record, first);
        });
    }

private:
    using EachState = std::make_integer_sequence<int, state_count>;

    // What is stored in the usual ways is read by code that knows how, so that no read waits for another.
    NPFUSE_DEVICE void update_as_stored(const device::UpdateRecord& record, long long first) const {
        if constexpr (sizeof(T) == sizeof(float)) {
            const auto is = [&](DType parameter, DType gradient) {
                return DType(record.parameter_storage) == parameter && DType(record.gradient_storage) == gradient;
            };
            if (is(DType::float32, DType::float32))
                return update<Stored<float>, Stored<float>>(record, first, EachState());
            if (is(DType::float16, DType::float16))
                return update<Stored<float16>, Stored<float16>>(record, first, EachState());
            if (is(DType::bfloat16, DType::bfloat16))
                return update<Stored<bfloat16>, Stored<bfloat16>>(record, first, EachState());
        }
        update<AnyStored, AnyStored>(record, first, EachState());
    }

    // Numbers of a storage known when the kernel is compiled: converted when all is on its way.
    template <class S>
    struct Stored {
        Pack<S, length> pack;
        NPFUSE_DEVICE void read(unsigned char, const void* array, long long first, bool whole, int count) {
            pack = read_pack<S, length>(array, first, whole, count);
        }
        NPFUSE_DEVICE void convert_to(T (&numbers)[length]) const { convert(pack, numbers); }
    };
    struct AnyStored {
        T own[length];
        NPFUSE_DEVICE void read(unsigned char storage, const void* array, long long first, bool whole, int count) {
            load_stored(DType(storage), array, first, whole, count, own);
        }
        NPFUSE_DEVICE void convert_to(T (&numbers)[length]) const {
#pragma unroll
            for (int k = 0; k < length; ++k) numbers[k] = own[k];
        }
    };

    // The packs of a thread are as far apart as the threads' first ones are together; all are read before any is
    // written.
    template <class P, class G, int... K>
    NPFUSE_DEVICE void update(const device::UpdateRecord& record, long long first,
                              std::integer_sequence<int, K...>) const {
        P stored_p[packs];
        G stored_g[packs];
        T states[packs][state_count + 1][length];
#pragma unroll
        for (int i = 0; i < packs; ++i) {
            const Place at = place(record, first, i);
            if (at.count == 0) break;
            stored_p[i].read(record.parameter_storage, record.parameter, at.first, at.whole, at.count);
            stored_g[i].read(record.gradient_storage, record.gradient, at.first, at.whole, at.count);
            (load_pack<T>(record.states[K], at.first, at.whole, at.count, states[i][K]), ...);
        }
#pragma unroll
        for (int i = 0; i < packs; ++i) {
            const Place at = place(record, first, i);
            if (at.count == 0) break;
            T p[length], g[length];
            stored_p[i].convert_to(p);
            stored_g[i].convert_to(g);
#pragma unroll
            for (int k = 0; k < length; ++k) {
                const T delta = Formula::step(by.scalars, incoming<extra>(by, g[k], p[k]), states[i][K][k]...);
                p[k] = outgoing<extra>(by, p[k], delta);
                ((states[i][K][k] = flush_subnormals(states[i][K][k])), ...);
            }
            put_back(record, p, at.first, at.whole, at.count);
            (store_pack<T>(states[i][K], record.states[K], at.first, at.whole, at.count), ...);
        }
    }

    struct Place {
        long long first;
        int count;
        bool whole;
    };
    static NPFUSE_DEVICE Place place(const device::UpdateRecord& record, long long first, int pack) {
        const long long own = first + pack * threads * length, left = record.size - own;
        const int count = left >= length ? length : left > 0 ? static_cast<int>(left) : 0;
        return {own, count, record.aligned && count == length};
    }

    NPFUSE_DEVICE void put_back(const device::UpdateRecord& record, const T (&p)[length], long long first, bool whole,
                                int count) const {
        if constexpr (sizeof(T) == sizeof(double)) {
            store_pack<T>(p, record.parameter, first, whole, count);
        } else {
            if (DType(record.parameter_storage) == DType::bfloat16 && call.rounds_at_random)
                store_at_random(record, p, first, whole, count);
            else
                store_as(DType(record.parameter_storage), p, record.parameter, first, whole, count);
            if (record.copy != nullptr) store_as(DType(record.copy_storage), p, record.copy, first, whole, count);
        }
    }

    static NPFUSE_DEVICE void store_as(DType storage, const T (&p)[length], void* array, long long first, bool whole,
                                       int count) {
        if (storage == DType::float16)
            store_rounded<float16>(p, array, first, whole, count);
        else if (storage == DType::bfloat16)
            store_rounded<bfloat16>(p, array, first, whole, count);
        else
            store_pack<T>(p, array, first, whole, count);
    }

    NPFUSE_DEVICE void store_at_random(const device::UpdateRecord& record, const T (&p)[length], long long first,
                                       bool whole, int count) const {
        const StochasticRounding rounding = {call.seed, record.array, step};
        bfloat16 rounded[length];
#pragma unroll
        for (int i = 0; i < length; ++i)
            rounded[i] = round_at_random(p[i], random_bits_of(record.first + first + i, rounding));
        store_pack<bfloat16>(rounded, record.parameter, first, whole, count);
    }
};

template <class Formula, class T>
void launch_update(const device::UpdateCall& call, const UpdateSettings& common, const double* settings,
                   device::Stream stream) {
    PreparedUpdate prepared;
    prepare_update<Formula, T>(common, settings, prepared);
    Prepared<Formula, T> by;
    __builtin_memcpy(&by, &prepared, sizeof by);
    const auto run = [&](auto kernel) { device::launch(kernel, call.tiles, stream); };
    const auto step = static_cast<unsigned>(common.step);
    if constexpr (sizeof(T) == sizeof(float)) {
        if (by.gradient_as_given && by.decoupled_decay == 0)
            return run(UpdateTile<Formula, T, Extra::none>{call, by, step});
        if (by.gradient_as_given) return run(UpdateTile<Formula, T, Extra::decoupled_decay>{call, by, step});
    }
    run(UpdateTile<Formula, T, Extra::any>{call, by, step});
}

template <class... Formulas>
struct UpdateLaunchers;
template <class... Formulas>
struct UpdateLaunchers<List<Formulas...>> {
    static constexpr device::Optimizer entries[] = {
        {Formulas::name, sizeof(Formulas::setting_names) / sizeof(const char*), launch_update<Formulas, float>,
         launch_update<Formulas, double>}...};
    static constexpr Span<device::Optimizer> span = {entries, sizeof...(Formulas)};
};

NPFUSE_FORMULAS_END

namespace npfuse::device {

Span<Optimizer> optimizers() { return cuda::UpdateLaunchers<cuda::Optimizers>::span; }

}  // namespace npfuse::device
