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

constexpr npy_int64 default_ignore_index = -100;

std::vector<std::string> argument_names(const RowLoss& loss, bool takes_out) {
    std::vector<std::string> names = {loss.prediction, "target", "axis", "weight", "ignore_index", "reduction"};
    for (const Parameter& parameter : loss.parameters) names.push_back(parameter.name);
    if (takes_out) names.push_back("out");
    return names;
}

npy_int64 parse_integer(PyObject* argument, const char* name, npy_int64 default_value) {
    if (!argument) return default_value;
    if (!PyIndex_Check(argument) || PyBool_Check(argument))
        throw py::type_error(std::string(name) + " is " + std::string(py::repr(argument)) + "; it must be an integer");
    const Py_ssize_t value = PyNumber_AsSsize_t(argument, PyExc_OverflowError);
    if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
    return value;
}

int parse_axis(PyObject* argument, PyArrayObject* pred, const char* pred_name) {
    const npy_int64 axis = parse_integer(argument, "axis", -1);
    const int dimensions = PyArray_NDIM(pred);
    if (axis < -dimensions || axis >= dimensions)
        throw py::value_error("axis is " + std::to_string(axis) + ", but " + pred_name + " has shape " +
                              shape_text(pred));
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

Array contiguous(const Array& array, int type) {
    PyObject* result = PyArray_FROMANY(array.ptr(), type, 0, 0, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST);
    if (!result) throw py::error_already_set();
    return py::reinterpret_steal<Array>(result);
}

// One int64 for each row.
Array labels_for(const Array& target, PyArrayObject* heads, const char* pred_name) {
    const bool same_shape = PyArray_NDIM(raw(target)) == PyArray_NDIM(heads) &&
                            PyArray_CompareLists(PyArray_DIMS(raw(target)), PyArray_DIMS(heads), PyArray_NDIM(heads));
    if (same_shape) return contiguous(target, NPY_INT64);
    const std::string like = std::string(pred_name) + " without its axis";
    return contiguous(broadcast(target, heads, "target", like.c_str()), NPY_INT64);
}

std::string position_text(npy_intp index, PyArrayObject* array) {
    std::string text;
    for (int d = PyArray_NDIM(array) - 1; d >= 0; --d) {
        text = std::to_string(index % PyArray_DIM(array, d)) + (text.empty() ? "" : ", ") + text;
        index /= PyArray_DIM(array, d);
    }
    return text.empty() ? "target" : "target[" + text + "]";
}

[[noreturn]] void refuse_label(npy_intp index, PyArrayObject* labels, npy_intp classes, npy_int64 ignore_index) {
    const npy_int64 label = static_cast<const npy_int64*>(PyArray_DATA(labels))[index];
    throw py::value_error(position_text(index, labels) + " is " + std::to_string(label) +
                          "; labels must be from 0 to " + std::to_string(classes - 1) + ", or ignore_index (" +
                          std::to_string(ignore_index) + ")");
}

// Checks every label, and returns the sum of the weights of those that count.
double total_weight(PyArrayObject* labels, npy_intp classes, npy_int64 ignore_index, const double* class_weights) {
    const auto* label = static_cast<const npy_int64*>(PyArray_DATA(labels));
    const npy_intp rows = PyArray_SIZE(labels);
    double total = 0.0;
    npy_intp counted = 0;
    for (npy_intp i = 0; i < rows; ++i) {
        if (label[i] == ignore_index) continue;
        if (label[i] < 0 || label[i] >= classes) refuse_label(i, labels, classes, ignore_index);
        if (class_weights) total += class_weights[label[i]];
        ++counted;
    }
    return class_weights ? total : double(counted);
}

Array class_weights_for(PyObject* argument, npy_intp classes) {
    const Array weights = number_array(argument, "weight");
    if (PyArray_NDIM(raw(weights)) != 1 || PyArray_DIM(raw(weights), 0) != classes)
        throw py::value_error("weight has shape " + shape_text(raw(weights)) + "; it must be (" +
                              std::to_string(classes) + ",), one weight for each class");
    const Array doubles = contiguous(weights, NPY_DOUBLE);
    const auto* weight = static_cast<const double*>(PyArray_DATA(raw(doubles)));
    for (npy_intp i = 0; i < classes; ++i)
        if (weight[i] < 0)
            throw py::value_error("weight[" + std::to_string(i) + "] is " +
                                  std::string(py::str(py::float_(weight[i]))) + "; class weights must be at least 0");
    return doubles;
}

void check_probabilities(const RowLoss& loss, PyArrayObject* target, PyArrayObject* pred) {
    if (!loss.takes_probabilities || PyArray_NDIM(target) != PyArray_NDIM(pred))
        throw py::type_error("target has dtype " + dtype_text(target) + " and shape " + shape_text(target) +
                             "; labels must be integers" +
                             (loss.takes_probabilities ? std::string(", probabilities must have the shape of ") +
                                                             loss.prediction + ", " + shape_text(pred)
                                                       : std::string()));
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
        call.parameters[i] = parse_parameter(slots[first_parameter_slot + i], loss.parameters[i]);

    Array inputs[2] = {floating_array(slots[pred_slot], loss.prediction), number_array(slots[target_slot], "target")};
    PyArrayObject* const pred = raw(inputs[0]);
    PyArrayObject* const target = raw(inputs[1]);
    if (PyArray_NDIM(pred) == 0)
        throw py::value_error(std::string(loss.prediction) + " has no dimension; it needs one for the classes");
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

    Array labels;
    double weight = double(rows);
    if (PyTypeNum_ISINTEGER(PyArray_TYPE(target))) {
        labels = labels_for(inputs[1], raw(heads), loss.prediction);
        call.labels = static_cast<const npy_int64*>(PyArray_DATA(raw(labels)));
        weight = total_weight(raw(labels), call.classes, call.ignore_index, call.class_weights);
    } else {
        check_probabilities(loss, target, pred);
        call.labels = nullptr;
        const Array probabilities = broadcast(inputs[1], pred, "target", loss.prediction);
        view_rows(raw(probabilities), axis, call.probabilities);
        if (class_weights && reduction == Reduction::mean)
            weight = runtime::weigh_probabilities(call, call.classes == 0 ? 0 : rows);
    }

    Array gradient, values;
    if (wanted != Result::value) {
        gradient = is_given(out_slot) ? checked_out(out_slot, pred, inputs, 2) : empty_like(pred);
        view_rows(raw(gradient), axis, call.gradient);
    }
    if (wanted != Result::gradient && reduction == Reduction::none) {
        values = empty_like(raw(heads));
        view_of(raw(values), call.values);
    }
    const double divisor = reduction == Reduction::mean ? weight : 1.0;
    call.scale = divisor == 0.0 ? 0.0 : 1.0 / divisor;

    double sum;
    {
        const ReleasedGil released(PyArray_SIZE(pred) > worth_releasing_gil);
        sum = runtime::run_row_loss(loss, call, call.classes == 0 ? 0 : rows);
    }
    return pack_result(wanted, divisor == 0.0 ? 0.0 : sum / divisor, std::move(values), std::move(gradient), out_slot);
}

}  // namespace

void register_row_losses(py::list& entries) {
    for (const RowLoss& loss : runtime::active_table().row_losses)
        entries.append(loss_functions(loss, call, argument_names(loss, false), argument_names(loss, true)));
}

}  // namespace npfuse::bind
