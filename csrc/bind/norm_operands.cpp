#include "norm_operands.h"

namespace npfuse::bind {

std::string operand_name(std::size_t i) { return "arrays[" + std::to_string(i) + "]"; }

NormOperands::NormOperands(const py::tuple& arrays) {
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const auto name = [&] { return operand_name(i); };
        PyArrayObject* array = array_or_throw(arrays[i], name);
        const DType storage = storage_or_throw(array, name);
        // In the order of the indices, so that the layout changes no bit.
        const bool one_stride = PyArray_IS_C_CONTIGUOUS(array) || PyArray_NDIM(array) == 1;
        const runtime::StridedIterator* iterator = nullptr;
        if (!one_stride) {
            const std::span<const npy_intp> shape(PyArray_DIMS(array), PyArray_NDIM(array));
            const npy_intp* strides[] = {PyArray_STRIDES(array)};
            iterators_.push_back(
                std::make_unique<runtime::StridedIterator>(shape, strides, runtime::StridedIterator::Order::index));
            iterator = iterators_.back().get();
        }
        arrays_.push_back({operand_of(array, storage), PyArray_SIZE(array), iterator});
    }
}

}  // namespace npfuse::bind
