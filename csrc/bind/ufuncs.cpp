#include "ufuncs.h"

#include "bfloat16.h"
#include "docstring.h"
#include "runtime/isa.h"
#include "runtime/launch.h"

namespace npfuse::bind {

namespace {

template <CallStorage storage>
void elementwise_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void* kernel) {
    runtime::run_elementwise(*static_cast<const Elementwise*>(kernel), storage, operands, strides, dimensions[0]);
}

// NumPy passes the strides from row to row of every operand, then those along the core dimension of each that has one.
template <DType storage>
void row_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void* data) {
    const RowKernel& kernel = *static_cast<const RowKernel*>(data);
    const npy_intp* along = strides + kernel.inputs + 1;
    npy_intp element_strides[max_operands] = {};
    for (int i = 0; i <= kernel.inputs; ++i)
        if (kernel.along_row[i]) element_strides[i] = *along++;
    runtime::run_rows(kernel, storage, operands, strides, element_strides, dimensions[0], dimensions[1]);
}

template <CallStorage storage>
void bias_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void* data) {
    const Elementwise& kernel = *static_cast<const Elementwise*>(data);
    const int count = kernel.inputs + 2;
    const npy_intp* along = strides + count;
    npy_intp element_strides[max_operands] = {along[0], along[1]};
    element_strides[count - 1] = along[2];
    runtime::run_bias(kernel, storage, operands, strides, element_strides, dimensions[0], dimensions[1]);
}

// (m,n),(m,n),(n),()... -> (m,n),(n): run is called for every matrix with the strides of its operands from row to row
// and from element to element. The last operand is a vector of sums.
template <class Run>
void for_each_matrix(char** operands, npy_intp const* dimensions, npy_intp const* strides, int count, Run run) {
    const int dx = count - 2, sums = count - 1;
    const npy_intp* along = strides + count;
    npy_intp row_strides[max_operands] = {along[0], along[2]};
    npy_intp element_strides[max_operands] = {along[1], along[3], along[4]};
    row_strides[dx] = along[5];
    element_strides[dx] = along[6];
    char* shifted[max_operands];
    for (npy_intp i = 0; i < dimensions[0]; ++i) {
        for (int j = 0; j < count; ++j) shifted[j] = operands[j] + i * strides[j];
        run(shifted, row_strides, element_strides, shifted[sums], along[7]);
    }
}

template <CallStorage storage>
void bias_backward_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void* data) {
    const Elementwise& kernel = *static_cast<const Elementwise*>(data);
    for_each_matrix(operands, dimensions, strides, kernel.inputs + 3,
                    [&](char** shifted, const npy_intp* row_strides, const npy_intp* element_strides, char* sums,
                        npy_intp sum_stride) {
                        runtime::run_bias_backward(kernel, storage, shifted, row_strides, element_strides,
                                                   dimensions[1], dimensions[2], sums, sum_stride);
                    });
}

template <CallStorage storage>
void column_parameter_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void* data) {
    const Elementwise& kernel = *static_cast<const Elementwise*>(data);
    for_each_matrix(operands, dimensions, strides, 5,
                    [&](char** shifted, const npy_intp* row_strides, const npy_intp* element_strides, char* sums,
                        npy_intp sum_stride) {
                        runtime::run_parameter(runtime::ParameterShape::per_column, kernel, storage, shifted,
                                               row_strides, element_strides, dimensions[1], dimensions[2], sums,
                                               sum_stride);
                    });
}

template <CallStorage storage>
void row_parameter_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void* data) {
    const Elementwise& kernel = *static_cast<const Elementwise*>(data);
    const npy_intp* along = strides + 5;
    const npy_intp element_strides[] = {along[0], along[1], 0, along[2]};
    runtime::run_parameter(runtime::ParameterShape::per_row, kernel, storage, operands, strides, element_strides,
                           dimensions[0], dimensions[1], operands[4], strides[4]);
}

template <DType storage>
void maxout_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void*) {
    runtime::run_maxout(runtime::active_table().activations.maxout, storage, operands, strides, dimensions[0],
                        dimensions[1], strides[3]);
}

template <DType storage>
void maxout_values_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void*) {
    char* const without_index[] = {operands[0], operands[1], nullptr};
    const npy_intp steps[] = {strides[0], strides[1], 0};
    runtime::run_maxout(runtime::active_table().activations.maxout, storage, without_index, steps, dimensions[0],
                        dimensions[1], strides[2]);
}

template <DType storage>
void maxout_backward_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void*) {
    runtime::run_maxout(runtime::active_table().activations.maxout_backward, storage, operands, strides, dimensions[0],
                        dimensions[1], strides[3]);
}

// One function per storage type, and where there are parameters, one more for each half type with float parameters.
struct Loops {
    PyUFuncGenericFunction by_storage[call_storage_count];
};

#define NPFUSE_LOOPS(function)                                                                                      \
    Loops {                                                                                                         \
        {                                                                                                           \
            function<DType::float16>, function<DType::bfloat16>, function<DType::float32>, function<DType::float64> \
        }                                                                                                           \
    }
#define NPFUSE_CALL_LOOPS(function)                                                                          \
    Loops {                                                                                                  \
        {                                                                                                    \
            function<CallStorage::float16>, function<CallStorage::bfloat16>, function<CallStorage::float32>, \
                function<CallStorage::float64>, function<CallStorage::float16_with_float32>,                 \
                function<CallStorage::bfloat16_with_float32>                                                 \
        }                                                                                                    \
    }
constexpr Loops elementwise_loops = NPFUSE_CALL_LOOPS(elementwise_loop);
constexpr Loops row_loops = NPFUSE_LOOPS(row_loop);
constexpr Loops bias_loops = NPFUSE_CALL_LOOPS(bias_loop);
constexpr Loops bias_backward_loops = NPFUSE_CALL_LOOPS(bias_backward_loop);
constexpr Loops column_parameter_loops = NPFUSE_CALL_LOOPS(column_parameter_loop);
constexpr Loops row_parameter_loops = NPFUSE_CALL_LOOPS(row_parameter_loop);
constexpr Loops maxout_loops = NPFUSE_LOOPS(maxout_loop);
constexpr Loops maxout_values_loops = NPFUSE_LOOPS(maxout_values_loop);
constexpr Loops maxout_backward_loops = NPFUSE_LOOPS(maxout_backward_loop);
#undef NPFUSE_LOOPS
#undef NPFUSE_CALL_LOOPS

// In NumPy's order of preference, so that integers promote as they do for np.exp.
struct BuiltinType {
    DType storage;
    int type;
};
constexpr BuiltinType builtin_types[] = {
    {DType::float16, NPY_HALF}, {DType::float32, NPY_FLOAT}, {DType::float64, NPY_DOUBLE}};
constexpr int builtin_count = sizeof(builtin_types) / sizeof(BuiltinType);

// NumPy keeps pointers to these arrays for as long as the ufunc lives, which is for ever.
struct LoopArrays {
    PyUFuncGenericFunction functions[builtin_count];
    void* kernels[builtin_count];
    char types[builtin_count * max_operands];
};

struct Shape {
    int inputs;
    int outputs;
    const char* signature = nullptr;
    // One operand may have a type of its own; all others have the storage type.
    int odd_operand = -1;
    int odd_type = NPY_NOTYPE;
    // The last inputs, which are float with arrays of a half type where parameters are Python numbers.
    int float_parameters = 0;

    bool is_float_parameter(int operand, DType storage) const {
        const bool is_half = storage == DType::float16 || storage == DType::bfloat16;
        return is_half && inputs - float_parameters <= operand && operand < inputs;
    }
    int type_of(int operand, DType storage, int storage_type) const {
        if (operand == odd_operand) return odd_type;
        return is_float_parameter(operand, storage) ? NPY_FLOAT : storage_type;
    }
    PyUFuncGenericFunction loop_for(const Loops& loops, DType storage) const {
        const bool is_mixed = is_float_parameter(inputs - 1, storage);
        const CallStorage call =
            storage == DType::float16 ? CallStorage::float16_with_float32 : CallStorage::bfloat16_with_float32;
        return loops.by_storage[is_mixed ? static_cast<int>(call) : static_cast<int>(storage)];
    }
};

py::object make(const Loops& loops, const void* kernel, const Shape& shape, const char* name,
                const char* documentation) {
    const int operands = shape.inputs + shape.outputs;
    void* data = const_cast<void*>(kernel);
    auto* arrays = new LoopArrays;
    for (int i = 0; i < builtin_count; ++i) {
        const auto [storage, type] = builtin_types[i];
        arrays->functions[i] = shape.loop_for(loops, storage);
        arrays->kernels[i] = data;
        for (int j = 0; j < operands; ++j)
            arrays->types[i * operands + j] = static_cast<char>(shape.type_of(j, storage, type));
    }
    PyObject* ufunc = PyUFunc_FromFuncAndDataAndSignature(arrays->functions, arrays->kernels, arrays->types,
                                                          builtin_count, shape.inputs, shape.outputs, PyUFunc_None,
                                                          name, documentation, 0, shape.signature);
    if (ufunc == nullptr) throw py::error_already_set();
    auto result = py::reinterpret_steal<py::object>(ufunc);

    // Later is too late: once NumPy has resolved a call with a cast, it never asks for this loop again.
    if (const int bfloat16 = bfloat16_type_number(); bfloat16 >= 0) {
        int types[max_operands];
        for (int j = 0; j < operands; ++j) types[j] = shape.type_of(j, DType::bfloat16, bfloat16);
        if (PyUFunc_RegisterLoopForType(reinterpret_cast<PyUFuncObject*>(ufunc), bfloat16,
                                        shape.loop_for(loops, DType::bfloat16), types, data) < 0)
            throw py::error_already_set();
    }
    return result;
}

py::object make(const Loops& loops, const void* kernel, const Shape& shape, const std::string& name,
                const std::string& documentation) {
    return make(loops, kernel, shape, keep(name), keep(documentation));
}

// The parameters are the last inputs.
ParametricUfuncs make_parametric(const Loops& loops, const Elementwise& kernel, Shape shape, const std::string& name,
                                 const std::string& documentation) {
    const char* const kept_name = keep(name);
    const char* const kept_documentation = keep(documentation);
    ParametricUfuncs ufuncs;
    ufuncs.for_arrays = make(loops, &kernel, shape, kept_name, kept_documentation);
    shape.float_parameters = kernel.parameters;
    if (kernel.parameters > 0) ufuncs.for_numbers = make(loops, &kernel, shape, kept_name, kept_documentation);
    return ufuncs;
}

std::string scalars(const Activation& activation) {
    std::string text;
    for (std::size_t i = 0; i < activation.parameters.count; ++i) text += ",()";
    return text;
}

}  // namespace

py::object make_ufunc(const Elementwise& kernel, const std::string& name, const std::string& documentation) {
    return make(elementwise_loops, &kernel, {kernel.inputs, kernel.outputs}, name, documentation);
}

ParametricUfuncs make_parametric_ufuncs(const Elementwise& kernel, const std::string& name,
                                        const std::string& documentation) {
    return make_parametric(elementwise_loops, kernel, {kernel.inputs, kernel.outputs}, name, documentation);
}

py::object make_row_ufunc(const RowKernel& kernel, const std::string& name, const std::string& documentation) {
    return make(row_loops, &kernel, {kernel.inputs, 1, kernel.signature}, name, documentation);
}

ParametricUfuncs make_bias_ufuncs(const Activation& activation) {
    const std::string signature = "(n),(n)" + scalars(activation) + "->(n)";
    return make_parametric(bias_loops, activation.forward, {activation.forward.inputs + 1, 1, keep(signature)},
                           std::string("bias_") + activation.name, "See `npfuse.bias_act`.");
}

ParametricUfuncs make_bias_backward_ufuncs(const Activation& activation) {
    const std::string signature = "(m,n),(m,n),(n)" + scalars(activation) + "->(m,n),(n)";
    const int inputs = activation.backward.inputs + 1;
    return make_parametric(bias_backward_loops, activation.backward,
                           {inputs, 2, keep(signature), inputs + 1, NPY_DOUBLE},
                           std::string("bias_") + activation.name + "_backward", "See `npfuse.bias_act_backward`.");
}

ParametricUfuncs make_column_parameter_ufuncs(const Activation& activation) {
    return make_parametric(column_parameter_loops, activation.backward_with_parameter,
                           {3, 2, "(m,n),(m,n),(n)->(m,n),(n)", 4, NPY_DOUBLE},
                           std::string(activation.name) + "_backward", backward_docstring(activation));
}

ParametricUfuncs make_row_parameter_ufuncs(const Activation& activation) {
    return make_parametric(row_parameter_loops, activation.backward_with_parameter,
                           {3, 2, "(n),(n),()->(n),()", 4, NPY_DOUBLE}, std::string(activation.name) + "_backward",
                           backward_docstring(activation));
}

py::object make_maxout_ufunc() {
    return make(maxout_loops, nullptr, {1, 2, "(p)->(),()", 2, NPY_INT32}, "maxout", "See `npfuse.maxout`.");
}

py::object make_maxout_values_ufunc() {
    return make(maxout_values_loops, nullptr, {1, 1, "(p)->()"}, "maxout_values", "See `npfuse.maxout`.");
}

py::object make_maxout_backward_ufunc() {
    return make(maxout_backward_loops, nullptr, {2, 1, "(),()->(p)", 1, NPY_INT32}, "maxout_backward",
                "See `npfuse.maxout_backward`.");
}

}  // namespace npfuse::bind
