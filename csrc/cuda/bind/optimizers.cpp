#include <utility>

#include "../../summation.h"
#include "place.h"

namespace npfuse::device::bind {

namespace {

static_assert(sizeof(UpdateRecord) == 80 && sizeof(NormRecord) == 32, "python/npfuse/cuda/_tables.py has it so");

void run_updates(const Place& place, std::size_t index, bool in_double, Address records, Address record_of_tile,
                 std::pair<long long, long long> tiles, const std::vector<double>& numbers,
                 std::optional<unsigned long long> seed) {
    if (index >= optimizers().count) throw py::index_error("no such optimizer");
    const Optimizer& optimizer = optimizers()[index];
    constexpr std::size_t common_count = sizeof(UpdateSettings) / sizeof(double);
    if (numbers.size() != common_count + optimizer.settings)
        throw py::value_error("settings: " + std::to_string(common_count + optimizer.settings) + " numbers are needed");
    const UpdateSettings common = {numbers[0], numbers[1], numbers[2], numbers[3]};
    const UpdateCall call = {
        .records = static_cast<const UpdateRecord*>(at(records)),
        .record_of_tile = static_cast<const int*>(at(record_of_tile)),
        .first_tile = tiles.first,
        .tiles = tiles.second - tiles.first,
        .rounds_at_random = seed.has_value(),
        .seed = seed.value_or(0),
    };
    require(call.first_tile >= 0 && call.tiles >= 0, "tiles must be counted from 0");
    require(call.tiles == 0 || (records != 0 && record_of_tile != 0), "tables must have memory");
    const UsePlace use(place);
    (in_double ? optimizer.float64 : optimizer.float32)(call, common, numbers.data() + common_count, place.stream());
}

// Waits for the result.
double norm(const Place& place, Address records, Address record_of_block, long long blocks, bool has_doubles) {
    require(blocks >= 0, "blocks must be at least 0");
    require(blocks == 0 || (records != 0 && record_of_block != 0), "tables must have memory");
    const UsePlace use(place);
    std::vector<double> sums(static_cast<std::size_t>(blocks));
    const std::size_t size = sums.size() * sizeof(double);
    void* const device_sums = allocate(size, place.stream());
    const auto sum_of_squares = [&](double factor) {
        sum_squares({static_cast<const NormRecord*>(at(records)), static_cast<const int*>(at(record_of_block)), blocks,
                     factor, static_cast<double*>(device_sums)},
                    place.stream());
        if (size > 0) copy_out(sums.data(), device_sums, size, place.stream());
        double total = 0;
        for (const double sum : sums) total += sum;
        return total;
    };
    try {
        const double result = norm_of(has_doubles, sum_of_squares);
        release(device_sums, place.device, place.stream());
        return result;
    } catch (...) {
        release(device_sums, place.device, place.stream());
        throw;
    }
}

void add_rows(const Place& place, Address gradients, int storage, bool to_double, Address ends, Address order,
              long long rows, long long length, Address sums) {
    check_storage(storage);
    require(rows >= 0 && length >= 0, "lengths must be at least 0");
    const UsePlace use(place);
    sum_rows({at(gradients), DType(storage), to_double, static_cast<const long long*>(at(ends)),
              static_cast<const long long*>(at(order)), rows, length, at(sums)},
             place.stream());
}

void multiply(const Place& place, Address data, int storage, long long n, double factor) {
    check_storage(storage);
    require(n >= 0 && (n == 0 || data != 0), "an array must have memory");
    const UsePlace use(place);
    scale({at(data), DType(storage), n, factor}, place.stream());
}

}  // namespace

void register_optimizers(py::module_& module) {
    py::dict numbers;
    for (std::size_t i = 0; i < optimizers().count; ++i) numbers[optimizers()[i].name] = i;
    module.attr("optimizers") = numbers;
    module.attr("update_tile") = update_tile;
    module.attr("norm_block_length") = norm_block_length;
    module.def("run_updates", &run_updates, WithoutGil());
    module.def("norm", &norm, WithoutGil());
    module.def("sum_rows", &add_rows, WithoutGil());
    module.def("scale", &multiply, WithoutGil());
}

}  // namespace npfuse::device::bind
