#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "arrays.h"
#include "loss_arguments.h"
#include "loss_function.h"
#include "register.h"
#include "runtime/isa.h"
#include "runtime/losses.h"

namespace npfuse::bind {

namespace {

enum Slot { pred_slot, target_slot, axis_slot, weight_slot, ignore_index_slot, reduction_slot, first_parameter_slot };

constexpr int max_slots = first_parameter_slot + max_loss_parameters + 1;

constexpr std::int64_t default_ignore_index = -100;

std::vector<std::string> argument_names(const RowLoss& loss, bool takes_out) {
    std::vector<std::string> names = {loss.prediction, "target", "axis", "weight", "ignore_index", "reduction"};
    for (const Parameter& parameter : loss.parameters) names.push_back(parameter.name);
    if (takes_out) names.push_back("out");
    return names;
}

std::int64_t parse_integer(PyObject* argument, const char* name, std::int64_t default_value) {
    if (!argument) return default_value;
    if (!PyIndex_Check(argument) || PyBool_Check(argument))
        throw py::type_error(std::string(name) + " must be an integer, got " + std::string(py::repr(argument)));
    const Py_ssize_t value = PyNumber_AsSsize_t(argument, PyExc_OverflowError);
    if (value == -1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) throw py::error_already_set();
        PyErr_Clear();
        throw py::value_error(std::string(name) + " must be an integer of 64 bits, got " +
                              std::string(py::repr(argument)));
    }
    return value;
}

int parse_axis(PyObject* argument, PyArrayObject* pred, const char* pred_name) {
    const std::int64_t axis = parse_integer(argument, "axis", -1);
    const int dimensions = PyArray_NDIM(pred);
    if (axis < -dimensions || axis >= dimensions)
        throw py::value_error("axis must be one of the " + std::to_string(dimensions) + " axes of " + pred_name +
                              ", got " + std::to_string(axis));
    return static_cast<int>(axis < 0 ? axis + dimensions : axis);
}

// Element 0 of every row: the array without its axis.
Array row_heads(PyArrayObject* array, int axis) {
    npy_intp shape[NPY_MAXDIMS], strides[NPY_MAXDIMS];
    int dimensions = 0;
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
        if (d == axis) continue;
        shape[dimensions] = PyArray_DIM(array, d);
        strides[dimensions++] = PyArray_STRIDE(array, d);
    }
    PyArray_Descr* dtype = PyArray_DESCR(array);
    Py_INCREF(dtype);
    PyObject* heads = PyArray_NewFromDescr(&PyArray_Type, dtype, dimensions, shape, strides, PyArray_BYTES(array),
                                           NPY_ARRAY_WRITEABLE, nullptr);
    if (!heads) throw py::error_already_set();
    return py::reinterpret_steal<Array>(heads);
}

void view_rows(PyArrayObject* array, int axis, RowView& rows) {
    const Array heads = row_heads(array, axis);
    view_of(raw(heads), rows.starts);
    rows.starts.data = PyArray_BYTES(array);
    rows.stride = PyArray_STRIDE(array, axis);
}

py::object broadcast(const Array& array, PyArrayObject* like, const char* name, const char* like_name) {
    View ignored;
    view_broadcast(raw(array), like, name, like_name, ignored);
    return py::module_::import("numpy").attr("broadcast_to")(
        array, py::handle(reinterpret_cast<PyObject*>(like)).attr("shape"));
}

Array contiguous(const Array& array, int type, int copy = 0) {
    PyObject* result = PyArray_FROMANY(array.ptr(), type, 0, 0, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST | copy);
    if (!result) throw py::error_already_set();
    return py::reinterpret_steal<Array>(result);
}

std::string position_text(npy_intp index, PyArrayObject* array) {
    std::string text;
    for (int d = PyArray_NDIM(array) - 1; d >= 0; --d) {
        text = std::to_string(index % PyArray_DIM(array, d)) + (text.empty() ? "" : ", ") + text;
        index /= PyArray_DIM(array, d);
    }
    return text.empty() ? "target" : "target[" + text + "]";
}

// The labels of a call, one for each row, every one of them checked.
class Labels {
public:
    Labels(const Array& target, PyArrayObject* heads, const char* pred_name, npy_intp classes,
           std::int64_t ignore_index, const double* class_weights)
        : given_(in_shape_of(heads, target, pred_name)) {
        const Array numbers = contiguous(given_, NPY_INT64);
        const auto* first = static_cast<const npy_int64*>(PyArray_DATA(raw(numbers)));
        values_.assign(first, first + PyArray_SIZE(raw(numbers)));
        // What is too large for int64 has become negative, and may look like ignore_index.
        const bool is_wide = PyTypeNum_ISUNSIGNED(PyArray_TYPE(raw(given_))) && PyArray_ITEMSIZE(raw(given_)) == 8;
        const bool ignores = !is_wide || ignore_index >= 0;
        std::size_t counted = 0;
        double run = 0.0;
        for (std::size_t i = 0; i < values_.size(); ++i) {
            if (i % run_length == 0) weight_ += std::exchange(run, 0.0);
            const std::int64_t label = values_[i];
            if (label == ignore_index && ignores) continue;
            if (label < 0 || label >= classes) refuse(static_cast<npy_intp>(i), classes, ignore_index);
            if (class_weights) run += class_weights[label];
            ++counted;
        }
        weight_ = class_weights ? weight_ + run : double(counted);
    }

    const std::int64_t* data() const { return values_.data(); }

    // The sum of the weights of the rows that count: of each run, one after the other, then of the runs.
    double weight() const { return weight_; }

private:
    static Array in_shape_of(PyArrayObject* heads, const Array& target, const char* pred_name) {
        const bool has_shape =
            PyArray_NDIM(raw(target)) == PyArray_NDIM(heads) &&
            PyArray_CompareLists(PyArray_DIMS(raw(target)), PyArray_DIMS(heads), PyArray_NDIM(heads));
        return has_shape ? target
                         : broadcast(target, heads, "target", (std::string(pred_name) + " without its axis").c_str());
    }

    [[noreturn]] void refuse(npy_intp index, npy_intp classes, std::int64_t ignore_index) const {
        const py::object label = given_.attr("flat")[py::int_(index)];
        const std::string range = classes > 0 ? "from 0 to " + std::to_string(classes - 1) + " or " : "";
        throw py::value_error(position_text(index, raw(given_)) + " must be " + range + "ignore_index (" +
                              std::to_string(ignore_index) + "), got " + std::string(py::str(label)));
    }

    Array given_;
    std::vector<std::int64_t> values_;  // a copy, which no other thread and no result can overwrite
    double weight_ = 0.0;
};

Array class_weights_for(PyObject* argument, npy_intp classes) {
    const Array weights = number_array(argument, "weight");
    if (PyArray_NDIM(raw(weights)) != 1 || PyArray_DIM(raw(weights), 0) != classes)
        throw py::value_error("weight must have shape (" + std::to_string(classes) +
                              ",), one weight for each class, got " + shape_text(raw(weights)));
    const Array doubles = contiguous(weights, NPY_DOUBLE, NPY_ARRAY_ENSURECOPY);
    const auto* weight = static_cast<const double*>(PyArray_DATA(raw(doubles)));
    for (npy_intp i = 0; i < classes; ++i)
        if (weight[i] < 0)
            throw py::value_error("weight[" + std::to_string(i) + "] must be at least 0, got " +
                                  std::string(py::str(py::float_(weight[i]))));
    return doubles;
}

void check_probabilities(const RowLoss& loss, PyArrayObject* target, PyArrayObject* pred) {
    if (!loss.takes_probabilities || PyArray_NDIM(target) != PyArray_NDIM(pred))
        throw py::type_error("target must be of integers, as labels" +
                             (loss.takes_probabilities ? std::string(", or probabilities in the shape of ") +
                                                             loss.prediction + ", " + shape_text(pred)
                                                       : std::string()) +
                             "; got " + dtype_text(target) + " of shape " + shape_text(target));
}

PyObject* call(const RowLoss& loss, const Signature& signature, Result wanted, PyObject* const* args, Py_ssize_t count,
               PyObject* keywords) {
    PyObject* slots[max_slots];
    signature.sort(args, count, keywords, slots);
    PyObject* const out_slot = wanted == Result::value ? nullptr : slots[first_parameter_slot + loss.parameters.count];
    const Reduction reduction = parse_reduction(slots[reduction_slot]);
    RowLossCall call;
    call.ignore_index = parse_integer(slots[ignore_index_slot], "ignore_index", default_ignore_index);
    for (std::size_t i = 0; i < loss.parameters.count; ++i)
        call.parameters[i] =
            parse_parameter(slots[first_parameter_slot + i], loss.parameters[i], true);  // they are double

    Array inputs[2] = {floating_array(slots[pred_slot], loss.prediction), number_array(slots[target_slot], "target")};
    PyArrayObject* const pred = raw(inputs[0]);
    PyArrayObject* const target = raw(inputs[1]);
    if (PyArray_NDIM(pred) == 0)
        throw py::value_error(std::string(loss.prediction) + " must have an axis for the classes, got a scalar");
    const int axis = parse_axis(slots[axis_slot], pred, loss.prediction);
    call.classes = PyArray_DIM(pred, axis);
    view_rows(pred, axis, call.pred);
    const Array heads = row_heads(pred, axis);
    const npy_intp rows = PyArray_SIZE(raw(heads));

    Array class_weights;
    call.class_weights = nullptr;
    if (is_given(slots[weight_slot])) {
        class_weights = class_weights_for(slots[weight_slot], call.classes);
        call.class_weights = static_cast<const double*>(PyArray_DATA(raw(class_weights)));
    }

    std::optional<Labels> labels;
    call.labels = nullptr;
    call.has_labels = PyTypeNum_ISINTEGER(PyArray_TYPE(target));
    double weight = double(rows);
    Array probabilities;
    if (call.has_labels) {
        labels.emplace(inputs[1], raw(heads), loss.prediction, call.classes, call.ignore_index, call.class_weights);
        call.labels = labels->data();
        weight = labels->weight();
    } else {
        check_probabilities(loss, target, pred);
        probabilities = broadcast(inputs[1], pred, "target", loss.prediction);
        view_rows(raw(probabilities), axis, call.probabilities);
        if (class_weights && reduction == Reduction::mean) weight = runtime::weigh_probabilities(call, rows);
    }

    Array values;
    std::optional<GradientArray> gradient;
    if (wanted != Result::value) {
        // A row's probabilities are read after its gradient was begun.
        gradient.emplace(out_slot, pred, std::span(inputs, 1), std::span(&probabilities, probabilities ? 1 : 0));
        view_rows(gradient->written(), axis, call.gradient);
    }
    if (wanted != Result::gradient && reduction == Reduction::none) {
        values = empty_like(raw(heads));
        view_of(raw(values), call.values);
        if (call.classes == 0) PyArray_FILLWBYTE(raw(values), 0);
    }
    const double divisor = reduction == Reduction::mean ? weight : 1.0;
    call.scale = divisor == 0.0 ? 0.0 : 1.0 / divisor;

    double sum;
    {
        const ReleasedGil released(PyArray_SIZE(pred) > worth_releasing_gil);
        sum = runtime::run_row_loss(loss, call, rows);
    }
    return pack_result(wanted, divisor == 0.0 ? 0.0 : sum / divisor, std::move(values), std::move(gradient), out_slot);
}

}  // namespace

void register_row_losses(py::list& entries) {
    for (const RowLoss& loss : runtime::active_table().row_losses.losses)
        entries.append(loss_functions(loss, call, argument_names(loss, false), argument_names(loss, true)));
}

}  // namespace npfuse::bind
