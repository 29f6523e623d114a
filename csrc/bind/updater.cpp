#include "updater.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "gil.h"
#include "norm_operands.h"
#include "operand.h"
#include "runtime/isa.h"

namespace npfuse::bind {

namespace {

// Where a step is shorter than this, letting other Python threads run meanwhile costs more than it gives.
constexpr std::ptrdiff_t worth_releasing_gil = 4096;

const Optimizer& find_optimizer(const std::string& name) {
    for (const Optimizer& optimizer : runtime::active_table().optimizers)
        if (name == optimizer.name) return optimizer;
    throw py::value_error("there is no optimizer named '" + name + "'");
}

template <class Name>
void check_owned(const HeldArray& held, const Name& name) {
    if (held.is_unchanged()) return;
    if (!PyArray_ISWRITEABLE(held.get())) throw py::value_error(name() + " is read-only");
    throw py::value_error(name() + " was given another shape or other memory after the optimizer was made");
}

template <class Name>
void check_shape(PyArrayObject* array, PyArrayObject* parameter, const Name& name) {
    if (!same_shape(array, parameter))
        throw py::value_error(name() + " must be of its parameter's shape " + shape_text(parameter) + ", got " +
                              shape_text(array));
}

template <class Name>
void check_state(PyArrayObject* state, PyArrayObject* parameter, const Name& name) {
    const Storage needed = storage_of(parameter) == Storage::float64 ? Storage::float64 : Storage::float32;
    if (storage_of(state) != needed)
        throw py::type_error(name() + " must be of " + (needed == Storage::float64 ? "float64" : "float32") + ", got " +
                             dtype_text(state));
    check_shape(state, parameter, name);
}

class InUse {
public:
    explicit InUse(std::atomic<bool>& flag) : flag_(flag) {
        if (flag_.exchange(true))
            throw std::runtime_error("another thread is in the middle of a step of this optimizer");
    }
    ~InUse() { flag_.store(false); }

private:
    std::atomic<bool>& flag_;
};

}  // namespace

Updater::Updater(const std::string& optimizer, bool single, std::optional<std::uint64_t> seed)
    : optimizer_(find_optimizer(optimizer)), single_(single), seed_(seed) {}

std::string Updater::parameter_name(std::size_t i) const {
    return single_ ? "param" : "params[" + std::to_string(i) + "]";
}

std::string Updater::gradient_name(std::size_t i) const {
    return single_ ? "grad" : "grads[" + std::to_string(i) + "]";
}

std::string Updater::state_name(std::size_t i, std::size_t k) const {
    const std::string name = k < optimizer_.states.count ? optimizer_.states[k] : "master";
    return name + (single_ ? "" : " of " + parameter_name(i));
}

void Updater::add(const py::list& parameters, const py::list& states, std::size_t settings) {
    const InUse in_use(in_use_);
    OwnedMemory memory = memory_;
    std::vector<Slot> slots;
    for (std::size_t j = 0; j < parameters.size(); ++j) {
        const std::size_t i = slots_.size() + j;
        const auto own = [&](const py::object& object, const auto& name) {
            HeldArray held(object);
            check_owned(held, name);
            memory.add(held.get(), name());
            return held;
        };
        const auto name = [&] { return parameter_name(i); };
        storage_or_throw(array_or_throw(parameters[j], name), name);
        Slot slot{own(parameters[j], name), {}, nullptr, nullptr};
        const py::tuple own_states = states[j];
        for (std::size_t k = 0; k < own_states.size(); ++k) {
            const auto name_of_state = [&] { return state_name(i, k); };
            check_state(array_or_throw(own_states[k], name_of_state), slot.parameter.get(), name_of_state);
            slot.states.push_back(own(own_states[k], name_of_state));
        }
        slots.push_back(std::move(slot));
    }
    memory.settle();

    memory_ = std::move(memory);
    settings_count_ = std::max(settings_count_, settings + 1);
    for (Slot& slot : slots) {
        const std::ptrdiff_t size = PyArray_SIZE(slot.parameter.get());
        total_size_ += size;
        updates_.push_back({owned_operands(slot), size, settings, nullptr});
        slots_.push_back(std::move(slot));
    }
    roundings_.resize(slots_.size());
}

UpdateOperands Updater::owned_operands(const Slot& slot) const {
    const auto operand = [](const HeldArray& held) { return operand_of(held.get(), *storage_of(held.get())); };
    UpdateOperands operands{};
    operands.parameter = operand(slot.parameter);
    for (std::size_t k = 0; k < optimizer_.states.count; ++k) operands.states[k] = operand(slot.states[k]);
    if (has_master(slot)) {
        operands.copy = operands.parameter;
        operands.parameter = operand(slot.states.back());
    }
    return operands;
}

std::vector<const npy_intp*> Updater::strides_in_walk(const Slot& slot, PyArrayObject* gradient) const {
    std::vector<const npy_intp*> strides = {slot.parameter.strides(), PyArray_STRIDES(gradient)};
    for (const HeldArray& state : slot.states) strides.push_back(state.strides());
    if (has_master(slot)) std::swap(strides.front(), strides.back());
    return strides;
}

// The random bits of a step depend on its number, the array's and the element's, and on nothing else.
void Updater::set_rounding(std::size_t i, double step) {
    UpdateOperands& operands = updates_[i].operands;
    if (!seed_ || operands.parameter.storage != Storage::bfloat16) return;
    roundings_[i] = {*seed_, static_cast<unsigned>(i), static_cast<unsigned>(step)};
    operands.rounding = &roundings_[i];
}

bool Updater::was_accepted(const Slot& slot, PyArrayObject* gradient) {
    return PyArray_DATA(gradient) == slot.accepted_gradient && PyArray_ISCARRAY_RO(gradient) &&
           PyArray_TYPE(gradient) == PyArray_TYPE(slot.parameter.get()) && same_shape(gradient, slot.parameter.get());
}

void Updater::check_slot(std::size_t i) const {
    const Slot& slot = slots_[i];
    check_owned(slot.parameter, [&] { return parameter_name(i); });
    for (std::size_t k = 0; k < slot.states.size(); ++k) check_owned(slot.states[k], [&] { return state_name(i, k); });
}

// Checks all there is to check before a step, and notes where the gradient is.
void Updater::accept_gradient(std::size_t i, const py::handle& object) {
    Slot& slot = slots_[i];
    check_slot(i);
    const auto name = [&] { return gradient_name(i); };
    PyArrayObject* gradient = array_or_throw(object, name);
    if (was_accepted(slot, gradient)) return;

    PyArrayObject* parameter = slot.parameter.get();
    const Storage storage = storage_or_throw(gradient, name);
    check_shape(gradient, parameter, name);
    if (const std::string* owned = memory_.sharing_with(gradient, parameter))
        throw py::value_error(name() + " shares memory with " + *owned);

    runtime::ArrayUpdate& update = updates_[i];
    update.operands.gradient = operand_of(gradient, storage);
    bool one_stride = same_dense_order(parameter, gradient);
    for (const HeldArray& state : slot.states) one_stride = one_stride && same_dense_order(parameter, state.get());
    slot.walk.reset();
    if (!one_stride) {
        slot.walk = std::make_unique<runtime::Walk>(slot.parameter.shape(), strides_in_walk(slot, gradient),
                                                    runtime::Walk::Order::memory);
    }
    update.walk = slot.walk.get();
    const bool usual = PyArray_ISCARRAY_RO(gradient) && PyArray_TYPE(gradient) == PyArray_TYPE(parameter);
    slot.accepted_gradient = usual ? PyArray_DATA(gradient) : nullptr;
}

std::vector<runtime::StepSettings> Updater::read_settings(const py::list& settings,
                                                          std::vector<double>& numbers) const {
    constexpr std::size_t common_count = sizeof(UpdateSettings) / sizeof(double);
    const std::size_t count = common_count + optimizer_.setting_names.count;
    numbers.reserve(settings.size() * count);
    std::vector<runtime::StepSettings> result;
    for (const py::handle& item : settings) {
        const py::tuple tuple = py::reinterpret_borrow<py::tuple>(item);
        if (tuple.size() != count) throw py::value_error("settings: " + std::to_string(count) + " numbers are needed");
        const double* first = numbers.data() + numbers.size();
        for (const py::handle& number : tuple) numbers.push_back(number.cast<double>());
        result.push_back({{first[0], first[1], first[2], first[3]}, first + common_count});
    }
    return result;
}

bool Updater::step(const py::object& gradients, const py::list& settings, double factor, bool guarded,
                   double largest_norm) {
    const InUse in_use(in_use_);
    if (!PyList_Check(gradients.ptr()) && !PyTuple_Check(gradients.ptr()))
        throw py::type_error(std::string("grads must be a list or tuple of arrays, got ") +
                             Py_TYPE(gradients.ptr())->tp_name);
    const py::tuple held(gradients);  // keeps the arrays alive, whatever becomes of the list
    if (held.size() != slots_.size())
        throw py::value_error("grads must hold one array for each of the " + std::to_string(slots_.size()) +
                              " parameters, got " + std::to_string(held.size()));
    std::vector<double> numbers;
    std::vector<runtime::StepSettings> read = read_settings(settings, numbers);
    if (read.size() != settings_count_) throw py::value_error("settings: one tuple for each number is needed");
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        accept_gradient(i, held[i]);
        set_rounding(i, read[updates_[i].settings].common.step);
    }

    std::optional<NormOperands> norm_operands;
    if (guarded || std::isfinite(largest_norm)) norm_operands.emplace(held);

    const ReleasedGil released(total_size_ >= worth_releasing_gil);
    if (norm_operands) {
        const double norm = norm_operands->norm() * std::abs(factor);
        if (!std::isfinite(norm)) return false;
        if (norm > largest_norm) factor *= largest_norm / norm;
    }
    for (runtime::StepSettings& each : read) each.common.gradient_scale *= factor;
    runtime::run_updates(optimizer_, read, updates_);
    return true;
}

void Updater::step_rows(std::size_t i, const Integers& rows, const Integers& ends, const Integers& order,
                        const py::object& gradients, const py::tuple& settings, double factor) {
    const InUse in_use(in_use_);
    check_slot(i);
    const Slot& slot = slots_[i];
    const auto name = [] { return std::string("grads"); };
    PyArrayObject* gradient = array_or_throw(gradients, name);
    const Storage storage = storage_or_throw(gradient, name);
    if (const std::string* owned = memory_.sharing_with(gradient, nullptr))
        throw py::value_error("grads shares memory with " + *owned);

    std::vector<double> numbers;
    py::list one_set;
    one_set.append(settings);
    runtime::StepSettings read = read_settings(one_set, numbers)[0];
    read.common.gradient_scale *= factor;
    set_rounding(i, read.common.step);

    std::vector<const npy_intp*> strides = strides_in_walk(slot, gradient);
    runtime::RowUpdate update{updates_[i], {}, {}};
    for (std::size_t a = 0; a < strides.size(); ++a) update.row_strides[a] = *strides[a]++;
    const runtime::Walk walk(slot.parameter.shape().subspan(1), strides, runtime::Walk::Order::memory);
    update.row.walk = &walk;
    update.row.operands.gradient = operand_of(gradient, storage);
    update.row.size /= std::max<npy_intp>(slot.parameter.shape()[0], 1);

    std::vector<runtime::RowGradients> row_gradients;
    std::ptrdiff_t begin = 0;
    for (py::ssize_t row = 0; row < rows.size(); ++row) {
        const std::ptrdiff_t end = ends.at(row);
        row_gradients.push_back({rows.at(row), {order.data() + begin, order.data() + end}});
        begin = end;
    }
    update.rows = row_gradients;
    const ReleasedGil released;
    runtime::run_row_updates(optimizer_, read, update);
}

}  // namespace npfuse::bind
