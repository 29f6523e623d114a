// How an optimizer's formula runs over many arrays in one launch: a block for each tile of 1,024 elements.
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
    static constexpr int threads = 256;
    static constexpr int length = device::update_tile / threads;
    static constexpr int state_count = static_cast<int>(states_of<Formula>().count);

    device::UpdateCall call;
    Prepared<Formula, T> by;
    unsigned step;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        const long long tile = call.first_tile + block.index;
        const device::UpdateRecord& record = call.records[call.record_of_tile[tile]];
        block.each([&](int thread) {
            const long long first = (tile - record.first_tile) * device::update_tile + thread * length;
            if (first < record.size) update(record, first, std::make_integer_sequence<int, state_count>());
        });
    }

private:
    template <int... K>
    NPFUSE_DEVICE void update(const device::UpdateRecord& record, long long first,
                              std::integer_sequence<int, K...>) const {
        const int count = record.size - first < length ? static_cast<int>(record.size - first) : length;
        const bool whole = record.aligned && count == length;
        T p[length], g[length], states[state_count + 1][length];
        load_stored(Storage(record.parameter_storage), record.parameter, first, whole, count, p);
        load_stored(Storage(record.gradient_storage), record.gradient, first, whole, count, g);
        (load_pack<T>(record.states[K], first, whole, count, states[K]), ...);
#pragma unroll
        for (int i = 0; i < length; ++i) {
            const T delta = Formula::step(by.scalars, incoming<extra>(by, g[i], p[i]), states[K][i]...);
            p[i] = outgoing<extra>(by, p[i], delta);
            ((states[K][i] = settled(states[K][i])), ...);
        }
        put_back(record, p, first, whole, count);
        (store_pack<T>(states[K], record.states[K], first, whole, count), ...);
    }

    NPFUSE_DEVICE void put_back(const device::UpdateRecord& record, const T (&p)[length], long long first, bool whole,
                                int count) const {
        if constexpr (sizeof(T) == sizeof(double)) {
            store_pack<T>(p, record.parameter, first, whole, count);
        } else {
            if (Storage(record.parameter_storage) == Storage::bfloat16 && call.rounds_at_random)
                store_at_random(record, p, first, whole, count);
            else
                store_as(Storage(record.parameter_storage), p, record.parameter, first, whole, count);
            if (record.copy != nullptr) store_as(Storage(record.copy_storage), p, record.copy, first, whole, count);
        }
    }

    static NPFUSE_DEVICE void store_as(Storage storage, const T (&p)[length], void* array, long long first, bool whole,
                                       int count) {
        if (storage == Storage::float16)
            store_rounded<float16>(p, array, first, whole, count);
        else if (storage == Storage::bfloat16)
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
