#include "losses.h"

#include "ordered_sum.h"

namespace npfuse::device {

Span<Loss> losses() { return cuda::LossLaunchers<cuda::Losses>::span; }

void sum_values(const double* values, long long n, long long length, double divisor, double* sums, Stream stream) {
    sum_in_order(values, n, length, divisor, sums, stream);
}

}  // namespace npfuse::device
