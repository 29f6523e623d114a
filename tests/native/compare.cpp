// How far float32 results are from the truth, for every float32 number in a few minutes.
#include <cmath>
#include <limits>

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double overflow = 0x1.ffffffp127;  // from here on the nearest float is infinite
constexpr double least_step = 0x1p-149;

// In float32 units in the last place of the truth. Wrong infinities and NaN are infinitely wrong.
double error_in_ulp(float result, double truth) {
    int exponent;
    std::frexp(truth, &exponent);
    const double step = std::fmax(std::ldexp(1.0, exponent - 24), least_step);
    const double error = std::fabs(result - truth) / step;
    const bool agree = std::isnan(truth) ? std::isnan(result) : result == std::copysign(infinity, truth);
    if (std::isnan(truth) || std::fabs(truth) >= overflow) return agree ? 0 : infinity;
    return std::isnan(error) ? infinity : error;
}

}  // namespace

// Returns the place of the worst result and its error. An absolute error within zone_tolerance is none for x
// between zone_low and zone_high. *worst is the error to beat; -1 says that nobody did.
extern "C" long worst_of(const float* x, const float* result, const double* truth, long n, double zone_low,
                         double zone_high, double zone_tolerance, double* worst) {
    long place = -1;
    for (long i = 0; i < n; ++i) {
        const bool in_zone = zone_low < x[i] && x[i] < zone_high;
        if (in_zone && std::fabs(result[i] - truth[i]) <= zone_tolerance) continue;
        // Most are nearer than the worst so far, as a product tells at once: a unit is at least 2^-24 of the truth.
        if (std::fabs(result[i] - truth[i]) <= *worst * 0x1p-24 * std::fabs(truth[i])) continue;
        const double error = error_in_ulp(result[i], truth[i]);
        if (error > *worst) {
            *worst = error;
            place = i;
        }
    }
    return place;
}
