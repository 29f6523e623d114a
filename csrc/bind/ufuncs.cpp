#include "ufuncs.h"

#include "docstring.h"
#include "runtime/launch.h"

namespace npfuse::bind {

namespace {

template <Storage storage>
void ufunc_loop(char** operands, npy_intp const* dimensions, npy_intp const* strides, void* kernel) {
    runtime::run_elementwise(*static_cast<const Elementwise*>(kernel), storage, operands, strides, dimensions[0]);
}

struct Loop {
    int type;
    PyUFuncGenericFunction function;
};

// In NumPy's order of preference, so that integers promote as they do for np.exp.
constexpr Loop loops[] = {
    {NPY_HALF, ufunc_loop<Storage::float16>},
    {NPY_FLOAT, ufunc_loop<Storage::float32>},
    {NPY_DOUBLE, ufunc_loop<Storage::float64>},
};
constexpr int loop_count = sizeof(loops) / sizeof(Loop);

// NumPy keeps pointers to these arrays for as long as the ufunc lives, which is for ever.
struct LoopArrays {
    PyUFuncGenericFunction functions[loop_count];
    void* kernels[loop_count];
    char types[loop_count * max_operands];
};

}  // namespace

py::object make_ufunc(const Elementwise& kernel, const std::string& name, const std::string& documentation) {
    const int operands = kernel.inputs + kernel.outputs;
    auto* arrays = new LoopArrays;
    for (int i = 0; i < loop_count; ++i) {
        arrays->functions[i] = loops[i].function;
        arrays->kernels[i] = const_cast<Elementwise*>(&kernel);
        for (int j = 0; j < operands; ++j) arrays->types[i * operands + j] = static_cast<char>(loops[i].type);
    }
    PyObject* ufunc =
        PyUFunc_FromFuncAndData(arrays->functions, arrays->kernels, arrays->types, loop_count, kernel.inputs,
                                kernel.outputs, PyUFunc_None, keep(name), keep(documentation), 0);
    if (ufunc == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(ufunc);
}

}  // namespace npfuse::bind
