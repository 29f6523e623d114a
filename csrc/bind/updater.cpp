#include "updater.h"

#include <algorithm>
#include <optional>

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

PyArrayObject* array_or_throw(const py::handle& object, const std::string& name) {
    if (!PyArray_Check(object.ptr()))
        throw py::type_error(name + " must be a NumPy array, got " + Py_TYPE(object.ptr())->tp_name);
    return as_array(object.ptr());
}

Storage storage_or_throw(PyArrayObject* array, const std::string& name) {
    if (const std::optional<Storage> storage = storage_of(array)) return *storage;
    throw py::type_error(name + " must be of float16, bfloat16, float32 or float64, got " + dtype_name(array));
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

Updater::Held::Held(const py::object& object)
    : owner(object),
      array(as_array(object.ptr())),
      data(PyArray_DATA(array)),
      shape(PyArray_DIMS(array), PyArray_DIMS(array) + PyArray_NDIM(array)),
      strides(PyArray_STRIDES(array), PyArray_STRIDES(array) + PyArray_NDIM(array)) {}

bool Updater::Held::is_unchanged() const {
    return PyArray_DATA(array) == data && PyArray_ISWRITEABLE(array) &&
           static_cast<std::size_t>(PyArray_NDIM(array)) == shape.size() &&
           std::equal(shape.begin(), shape.end(), PyArray_DIMS(array)) &&
           std::equal(strides.begin(), strides.end(), PyArray_STRIDES(array));
}

Updater::Updater(const std::string& optimizer, bool single) : optimizer_(find_optimizer(optimizer)), single_(single) {}

std::string Updater::parameter_name(std::size_t i) const {
    return single_ ? "param" : "params[" + std::to_string(i) + "]";
}

std::string Updater::gradient_name(std::size_t i) const {
    return single_ ? "grad" : "grads[" + std::to_string(i) + "]";
}

std::string Updater::state_name(std::size_t i, std::size_t k) const {
    return optimizer_.states[k] + (single_ ? "" : " of " + parameter_name(i));
}

void Updater::check_owned(const Held& held, const std::string& name) const {
    if (!PyArray_ISWRITEABLE(held.array)) throw py::value_error(name + " is read-only");
    if (!held.is_unchanged())
        throw py::value_error(name + " was given another shape or other memory after the optimizer was made");
}

void Updater::check_state(const Held& state, const Slot& slot, const std::string& name) const {
    const bool wide = storage_of(slot.parameter.array) == Storage::float64;
    if (storage_of(state.array) != (wide ? Storage::float64 : Storage::float32))
        throw py::type_error(name + " must be of " + (wide ? "float64" : "float32") + ", got " +
                             dtype_name(state.array));
    if (!same_shape(state.array, slot.parameter.array))
        throw py::value_error(name + " must be of its parameter's shape " + shape_text(slot.parameter.array) +
                              ", got " + shape_text(state.array));
    check_owned(state, name);
}

void Updater::add(const py::list& parameters, const py::list& states, std::size_t settings) {
    const InUse in_use(in_use_);
    OwnedMemory memory = memory_;
    std::vector<Slot> slots;
    for (std::size_t j = 0; j < parameters.size(); ++j) {
        const std::size_t i = slots_.size() + j;
        array_or_throw(parameters[j], parameter_name(i));
        Slot slot{Held(parameters[j]), {}, nullptr, nullptr};
        storage_or_throw(slot.parameter.array, parameter_name(i));
        check_owned(slot.parameter, parameter_name(i));
        memory.add(slot.parameter.array, parameter_name(i));
        const py::tuple own_states = states[j];
        for (std::size_t k = 0; k < optimizer_.states.count; ++k) {
            array_or_throw(own_states[k], state_name(i, k));
            slot.states.emplace_back(own_states[k]);
            check_state(slot.states.back(), slot, state_name(i, k));
            memory.add(slot.states.back().array, state_name(i, k));
        }
        slots.push_back(std::move(slot));
    }
    memory.settle();

    memory_ = std::move(memory);
    settings_count_ = std::max(settings_count_, settings + 1);
    for (Slot& slot : slots) {
        runtime::ArrayUpdate update{};
        update.size = PyArray_SIZE(slot.parameter.array);
        update.settings = settings;
        update.operands.parameter = operand_of(slot.parameter.array, *storage_of(slot.parameter.array));
        for (std::size_t k = 0; k < slot.states.size(); ++k)
            update.operands.states[k] = operand_of(slot.states[k].array, *storage_of(slot.states[k].array));
        total_size_ += update.size;
        updates_.push_back(update);
        slots_.push_back(std::move(slot));
    }
}

Storage Updater::check_gradient(std::size_t i, const py::handle& gradient) const {
    PyArrayObject* array = array_or_throw(gradient, gradient_name(i));
    const Storage storage = storage_or_throw(array, gradient_name(i));
    if (!same_shape(array, slots_[i].parameter.array))
        throw py::value_error(gradient_name(i) + " must be of its parameter's shape " +
                              shape_text(slots_[i].parameter.array) + ", got " + shape_text(array));
    return storage;
}

// Everything that a step needs of a gradient; whatever it changes here, no step has begun.
void Updater::accept_gradient(std::size_t i, const py::handle& gradient) {
    Slot& slot = slots_[i];
    if (!slot.parameter.is_unchanged()) check_owned(slot.parameter, parameter_name(i));
    for (std::size_t k = 0; k < slot.states.size(); ++k)
        if (!slot.states[k].is_unchanged()) check_owned(slot.states[k], state_name(i, k));

    const Storage storage = check_gradient(i, gradient);
    PyArrayObject* array = as_array(gradient.ptr());
    Operand& operand = updates_[i].operands.gradient;
    operand = operand_of(array, storage);

    if (PyArray_DATA(array) != slot.accepted_gradient || !PyArray_IS_C_CONTIGUOUS(array)) {
        if (const std::string* owned = memory_.sharing_with(array, slot.parameter.array))
            throw py::value_error(gradient_name(i) + " shares memory with " + *owned);
    }
    const bool same_extent = PyArray_IS_C_CONTIGUOUS(array) && storage == updates_[i].operands.parameter.storage;
    slot.accepted_gradient = same_extent ? PyArray_DATA(array) : nullptr;

    bool one_stride = same_dense_order(slot.parameter.array, array);
    for (const Held& state : slot.states)
        one_stride = one_stride && same_dense_order(slot.parameter.array, state.array);
    slot.walk.reset();
    if (!one_stride) {
        std::vector<const std::ptrdiff_t*> strides = {slot.parameter.strides.data(), PyArray_STRIDES(array)};
        for (const Held& state : slot.states) strides.push_back(state.strides.data());
        slot.walk = std::make_unique<runtime::Walk>(slot.parameter.shape, strides);
    }
    updates_[i].walk = slot.walk.get();
}

std::vector<runtime::StepSettings> Updater::read_settings(const py::list& settings,
                                                          std::vector<double>& numbers) const {
    constexpr std::size_t common_count = sizeof(UpdateSettings) / sizeof(double);
    const std::size_t count = common_count + optimizer_.setting_names.count;
    if (settings.size() != settings_count_) throw py::value_error("settings: one tuple for each number is needed");
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

void Updater::step(const py::object& gradients, const py::list& settings) {
    const InUse in_use(in_use_);
    if (!PyList_Check(gradients.ptr()) && !PyTuple_Check(gradients.ptr()))
        throw py::type_error(std::string("grads must be a list or tuple of arrays, got ") +
                             Py_TYPE(gradients.ptr())->tp_name);
    const py::tuple held(gradients);  // keeps the arrays alive, whatever becomes of the list
    if (held.size() != slots_.size())
        throw py::value_error("grads must hold one array for each of the " + std::to_string(slots_.size()) +
                              " parameters, got " + std::to_string(held.size()));
    std::vector<double> numbers;
    const std::vector<runtime::StepSettings> read = read_settings(settings, numbers);
    for (std::size_t i = 0; i < slots_.size(); ++i) accept_gradient(i, held[i]);

    std::optional<py::gil_scoped_release> released;
    if (total_size_ >= worth_releasing_gil) released.emplace();
    runtime::run_updates(optimizer_, read, updates_);
}

}  // namespace npfuse::bind
