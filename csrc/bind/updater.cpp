#include "updater.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "gil.h"
#include "norm_operands.h"
#include "operand.h"
#include "runtime/isa.h"

namespace npfuse::bind {

namespace {

// Where a step is shorter than this, letting other Python threads run meanwhile costs more than it gives.
constexpr std::ptrdiff_t worth_releasing_gil = 4096;

const Optimizer& find_optimizer(const std::string& name) {
    for (const Optimizer& optimizer : runtime::active_table().optimizers.optimizers)
        if (name == optimizer.name) return optimizer;
    throw py::value_error("there is no optimizer named '" + name + "'");
}

template <class Name>
void check_owned(const HeldArray& held, const Name& name) {
    if (held.is_unchanged()) return;
    if (!PyArray_ISWRITEABLE(held.get())) throw py::value_error(name() + " must be writeable, got a read-only array");
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
    const DType needed = floating_dtype_of(parameter) == DType::float64 ? DType::float64 : DType::float32;
    if (floating_dtype_of(state) != needed)
        throw py::type_error(name() + " must be of " + (needed == DType::float64 ? "float64" : "float32") + ", got " +
                             dtype_text(state));
    check_shape(state, parameter, name);
}

double number_or_throw(const py::handle& object) {
    if (PyFloat_CheckExact(object.ptr())) return PyFloat_AS_DOUBLE(object.ptr());
    const double number = PyFloat_AsDouble(object.ptr());
    if (number == -1 && PyErr_Occurred()) throw py::error_already_set();
    return number;
}

// A step is counted in double: up to here exactly.
constexpr double last_step = 0x1p53;

void check_changes(const py::list& changes) {
    for (const py::handle& change : changes) {
        PyObject* pair = change.ptr();
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyDict_Check(PyTuple_GET_ITEM(pair, 0)) ||
            !PyDict_Check(PyTuple_GET_ITEM(pair, 1)))
            throw py::type_error("changes must be pairs of dicts");
    }
}

void make_changes(const py::list& changes) {
    for (const py::handle& change : changes)
        if (PyDict_Update(PyTuple_GET_ITEM(change.ptr(), 0), PyTuple_GET_ITEM(change.ptr(), 1)) < 0)
            throw py::error_already_set();
}

// Each row that gradients were given for, and which of them are its own, in the order in which they were given.
class GroupedRows {
public:
    GroupedRows(const py::object& rows, npy_intp count, npy_intp row_count) {
        const auto name = [] { return std::string("rows"); };
        PyArrayObject* array = array_or_throw(rows, name);
        if (!PyTypeNum_ISSIGNED(PyArray_TYPE(array)) || PyArray_ITEMSIZE(array) != sizeof(std::int64_t) ||
            !PyArray_ISCARRAY_RO(array))
            throw py::type_error("rows must be a contiguous array of int64, got " + dtype_text(array));
        if (PyArray_NDIM(array) != 1 || PyArray_DIM(array, 0) != count)
            throw py::value_error("rows must be of shape (" + std::to_string(count) +
                                  ",), one for each row of grads, got " + shape_text(array));
        given_.reserve(count);
        for (npy_intp k = 0; k < count; ++k) {
            const auto row = static_cast<const std::int64_t*>(PyArray_DATA(array))[k];
            if (row < 0 || row >= row_count)
                throw py::index_error("rows must be at least 0 and less than " + std::to_string(row_count) + ", got " +
                                      std::to_string(row));
            given_.push_back({static_cast<std::ptrdiff_t>(row), k});
        }
    }

    // Takes time where there are many, and no Python.
    void sort() {
        std::sort(given_.begin(), given_.end());
        order_.reserve(given_.size());
        for (const auto& [row, k] : given_) order_.push_back(k);
        for (std::size_t begin = 0; begin < given_.size();) {
            std::size_t end = begin;
            while (end < given_.size() && given_[end].first == given_[begin].first) ++end;
            rows_.push_back({given_[begin].first, {order_.data() + begin, order_.data() + end}});
            begin = end;
        }
    }

    std::span<const runtime::RowGradients> rows() const { return rows_; }

private:
    std::vector<std::pair<std::ptrdiff_t, std::ptrdiff_t>> given_;
    std::vector<std::ptrdiff_t> order_;
    std::vector<runtime::RowGradients> rows_;
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

// One for each of the optimizer's, and the master copy of a half-type parameter.
void Updater::check_states(const Slot& slot, std::size_t i, std::size_t count) const {
    const std::size_t needed = optimizer_.states.count;
    const bool may_have_master = !single_ && PyArray_ITEMSIZE(slot.parameter.get()) == 2;
    if (count != needed && !(may_have_master && count == needed + 1))
        throw py::value_error("states of " + parameter_name(i) + " must be " + std::to_string(needed) +
                              " arrays, got " + std::to_string(count));
}

void Updater::add(const py::list& parameters, const py::list& states, std::size_t settings) {
    const InUse in_use(use_);
    if (parameters.size() != states.size())
        throw py::value_error("states must hold a tuple for each of the " + std::to_string(parameters.size()) +
                              " parameters, got " + std::to_string(states.size()));
    if (settings > settings_count_)
        throw py::value_error("settings must be at most " + std::to_string(settings_count_) + ", got " +
                              std::to_string(settings));
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
        if (!py::isinstance<py::tuple>(states[j]))
            throw py::type_error("states of " + parameter_name(i) + " must be a tuple of arrays, got " +
                                 Py_TYPE(py::object(states[j]).ptr())->tp_name);
        const py::tuple own_states = states[j];
        check_states(slot, i, own_states.size());
        for (std::size_t k = 0; k < own_states.size(); ++k) {
            const auto name_of_state = [&] { return state_name(i, k); };
            check_state(array_or_throw(own_states[k], name_of_state), slot.parameter.get(), name_of_state);
            slot.states.push_back(own(own_states[k], name_of_state));
        }
        slots.push_back(std::move(slot));
    }
    memory.settle();
    slots_.reserve(slots_.size() + slots.size());
    updates_.reserve(slots_.size() + slots.size());
    roundings_.resize(slots_.size() + slots.size());

    memory_ = std::move(memory);
    settings_count_ = std::max(settings_count_, settings + 1);
    for (Slot& slot : slots_) slot.accepted_gradient = nullptr;  // it may share memory with what is new
    for (Slot& slot : slots) {
        const std::ptrdiff_t size = PyArray_SIZE(slot.parameter.get());
        total_size_ += size;
        updates_.push_back({owned_operands(slot), size, settings, nullptr});
        slots_.push_back(std::move(slot));
    }
}

std::size_t Updater::settings_of(std::size_t i) {
    const InUse in_use(use_);
    return updates_.at(i).settings;
}

UpdateOperands Updater::owned_operands(const Slot& slot) const {
    const auto operand = [](const HeldArray& held) { return operand_of(held.get(), *floating_dtype_of(held.get())); };
    UpdateOperands operands{};
    operands.parameter = operand(slot.parameter);
    for (std::size_t k = 0; k < optimizer_.states.count; ++k) operands.states[k] = operand(slot.states[k]);
    if (has_master(slot)) {
        operands.copy = operands.parameter;
        operands.parameter = operand(slot.states.back());
    }
    return operands;
}

std::vector<const npy_intp*> Updater::operand_strides(const Slot& slot, PyArrayObject* gradient) const {
    std::vector<const npy_intp*> strides = {slot.parameter.strides(), PyArray_STRIDES(gradient)};
    for (const HeldArray& state : slot.states) strides.push_back(state.strides());
    if (has_master(slot)) std::swap(strides.front(), strides.back());
    return strides;
}

bool Updater::rounds_at_random(std::size_t i) const {
    return seed_ && updates_[i].operands.parameter.storage == DType::bfloat16;
}

// Random bits belong to an element's indices, so that steps do not depend on how a parameter lies in memory.
runtime::StridedIterator::Order Updater::iteration_order(std::size_t i) const {
    return rounds_at_random(i) ? runtime::StridedIterator::Order::index : runtime::StridedIterator::Order::memory;
}

// The random bits of a step depend on its number, the array's and the element's, and on nothing else.
void Updater::set_rounding(std::size_t i, double step) {
    if (!rounds_at_random(i)) return;
    const auto number = static_cast<unsigned long long>(step);
    roundings_[i] = {*seed_, static_cast<unsigned>(i), static_cast<unsigned>(number)};
    updates_[i].operands.rounding = &roundings_[i];
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
    const DType storage = storage_or_throw(gradient, name);
    check_shape(gradient, parameter, name);
    if (const std::string* owned = memory_.sharing_with(gradient))
        throw py::value_error(name() + " shares memory with " + *owned);

    runtime::ArrayUpdate& update = updates_[i];
    update.operands.gradient = operand_of(gradient, storage);
    const bool memory_is_order = iteration_order(i) == runtime::StridedIterator::Order::memory ||
                                 PyArray_IS_C_CONTIGUOUS(parameter) || PyArray_NDIM(parameter) == 1;
    bool one_stride = memory_is_order && same_dense_order(parameter, gradient);
    for (const HeldArray& state : slot.states) one_stride = one_stride && same_dense_order(parameter, state.get());
    slot.iterator.reset();
    if (!one_stride) {
        slot.iterator = std::make_unique<runtime::StridedIterator>(slot.parameter.shape(),
                                                                   operand_strides(slot, gradient), iteration_order(i));
    }
    update.iterator = slot.iterator.get();
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
        if (!PyTuple_Check(item.ptr()))
            throw py::type_error(std::string("settings must be tuples of numbers, got ") +
                                 Py_TYPE(item.ptr())->tp_name);
        const auto tuple = py::reinterpret_borrow<py::tuple>(item);
        if (tuple.size() != count)
            throw py::value_error("settings must be " + std::to_string(count) + " numbers, got " +
                                  std::to_string(tuple.size()));
        const double* first = numbers.data() + numbers.size();
        for (const py::handle& number : tuple) numbers.push_back(number_or_throw(number));
        if (!(first[0] >= 1 && first[0] <= last_step))
            throw py::value_error("step must be at least 1 and at most 2**53");
        result.push_back({{first[0], first[1], first[2], first[3]}, first + common_count});
    }
    return result;
}

bool Updater::step(const py::object& gradients, const py::list& settings, double factor, bool guarded,
                   double largest_norm, const py::list& changes) {
    const InUse in_use(use_);
    if (!PyList_Check(gradients.ptr()) && !PyTuple_Check(gradients.ptr()))
        throw py::type_error(std::string("grads must be a list or tuple of arrays, got ") +
                             Py_TYPE(gradients.ptr())->tp_name);
    const py::tuple held = scalars_to_arrays(py::tuple(gradients));  // keeps them alive, whatever becomes of the list
    if (held.size() != slots_.size())
        throw py::value_error("grads must hold one array for each of the " + std::to_string(slots_.size()) +
                              " parameters, got " + std::to_string(held.size()));
    check_changes(changes);
    std::vector<double> numbers;
    std::vector<runtime::StepSettings> read = read_settings(settings, numbers);
    if (read.size() != settings_count_)
        throw py::value_error("settings must hold " + std::to_string(settings_count_) + " tuples, got " +
                              std::to_string(read.size()));
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        accept_gradient(i, held[i]);
        set_rounding(i, read[updates_[i].settings].common.step);
    }

    std::optional<NormOperands> norm_operands;
    if (guarded || std::isfinite(largest_norm)) norm_operands.emplace(held);
    {
        const ReleasedGil released(total_size_ >= worth_releasing_gil);
        if (norm_operands) {
            const std::optional<double> clipped = runtime::clipped_factor(factor, norm_operands->norm(), largest_norm);
            if (!clipped) return false;
            factor = *clipped;
        }
        runtime::run_updates(optimizer_, read, updates_, factor);
    }
    make_changes(changes);
    return true;
}

bool Updater::step_rows(std::size_t i, const py::object& rows, const py::object& gradients, const py::tuple& settings,
                        double factor, bool guarded, const py::list& changes) {
    const InUse in_use(use_);
    if (i >= slots_.size())
        throw py::index_error("index must be less than " + std::to_string(slots_.size()) + ", got " +
                              std::to_string(i));
    check_slot(i);
    const Slot& slot = slots_[i];
    PyArrayObject* parameter = slot.parameter.get();
    const auto name = [] { return std::string("grads"); };
    PyArrayObject* gradient = array_or_throw(gradients, name);
    const DType storage = storage_or_throw(gradient, name);
    if (PyArray_NDIM(parameter) == 0) throw py::value_error(parameter_name(i) + " must have rows, got shape ()");
    const npy_intp count = PyArray_NDIM(gradient) > 0 ? PyArray_DIM(gradient, 0) : 0;
    const npy_intp row_count = PyArray_DIM(parameter, 0);
    if (PyArray_NDIM(gradient) != PyArray_NDIM(parameter) ||
        !std::equal(slot.parameter.shape().begin() + 1, slot.parameter.shape().end(), PyArray_DIMS(gradient) + 1))
        throw py::value_error("grads must be of its parameter's shape " + shape_text(parameter) +
                              " but for the number of rows, got " + shape_text(gradient));
    GroupedRows grouped(rows, count, row_count);
    if (const std::string* owned = memory_.sharing_with(gradient))
        throw py::value_error("grads shares memory with " + *owned);
    check_changes(changes);

    std::vector<double> numbers;
    py::list one_set;
    one_set.append(settings);
    const runtime::StepSettings read = read_settings(one_set, numbers)[0];
    set_rounding(i, read.common.step);

    std::vector<const npy_intp*> strides = operand_strides(slot, gradient);
    runtime::RowUpdate update{updates_[i], {}, {}};
    for (std::size_t a = 0; a < strides.size(); ++a) update.row_strides[a] = *strides[a]++;
    const runtime::StridedIterator iterator(slot.parameter.shape().subspan(1), strides, iteration_order(i));
    update.row.iterator = &iterator;
    update.row.operands.gradient = operand_of(gradient, storage);
    update.row.size /= std::max<npy_intp>(row_count, 1);

    std::optional<NormOperands> norm_operands;
    if (guarded) norm_operands.emplace(py::make_tuple(gradients));
    {
        const ReleasedGil released;
        if (norm_operands && !std::isfinite(norm_operands->norm())) return false;
        grouped.sort();
        update.rows = grouped.rows();
        runtime::run_row_updates(optimizer_, read, update, factor);
    }
    make_changes(changes);
    return true;
}

}  // namespace npfuse::bind
