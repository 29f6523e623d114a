#include <utility>

#include "column_sums.h"

NPFUSE_FORMULAS_BEGIN

// dy, x, bias, parameters... -> dx, whose sum over rows is dbias.
template <class Operation>
struct BiasBackward {
    static constexpr int parameters = static_cast<int>(parameter_count<Operation>());
    static constexpr int inputs = 3 + parameters;

    template <class T>
    static NPFUSE_DEVICE Pair<T> apply(const T (&numbers)[inputs]) {
        return apply(numbers, std::make_integer_sequence<int, parameters>());
    }

private:
    template <class T, int... P>
    static NPFUSE_DEVICE Pair<T> apply(const T (&numbers)[inputs], std::integer_sequence<int, P...>) {
        const T dx = Operation::backward(numbers[0], numbers[1] + numbers[2], numbers[3 + P]...);
        return {dx, dx};
    }
};

template <class... Operations>
struct BiasLaunchers;
template <class... Operations>
struct BiasLaunchers<List<Operations...>> {
    static constexpr device::MatrixKernels entries[] = {column_sum_launchers<BiasBackward<Operations>>()...};
    static constexpr Span<device::MatrixKernels> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END

namespace npfuse::device {

Span<MatrixKernels> bias_backward() { return cuda::BiasLaunchers<cuda::Activations>::span; }

}  // namespace npfuse::device
