#include "formula.h"
#include "loops/rows.h"

namespace npfuse::NPFUSE_ISA {

// The strides of input and output, in bytes. Without scratch, rows of other layouts run block by block.
template <class S>
void layer_norm(const char* x, char* y, const ptrdiff_t* row_strides, const ptrdiff_t* element_strides, ptrdiff_t rows,
                ptrdiff_t n, void* scratch) {
    static constexpr RowKernel kernel = row_kernel<LayerNorm>();
    char* const operands[] = {const_cast<char*>(x), y};
    run_rows<S>(kernel, operands, row_strides, element_strides, rows, n, scratch, scratch ? row_tile : 0, nullptr);
}

extern "C" {
void layer_norm_float16(const char* x, char* y, const ptrdiff_t* row_strides, const ptrdiff_t* element_strides,
                        ptrdiff_t rows, ptrdiff_t n, void* scratch) {
    layer_norm<float16>(x, y, row_strides, element_strides, rows, n, scratch);
}
void layer_norm_float32(const char* x, char* y, const ptrdiff_t* row_strides, const ptrdiff_t* element_strides,
                        ptrdiff_t rows, ptrdiff_t n, void* scratch) {
    layer_norm<float>(x, y, row_strides, element_strides, rows, n, scratch);
}
void layer_norm_float64(const char* x, char* y, const ptrdiff_t* row_strides, const ptrdiff_t* element_strides,
                        ptrdiff_t rows, ptrdiff_t n, void* scratch) {
    layer_norm<double>(x, y, row_strides, element_strides, rows, n, scratch);
}
}

}  // namespace npfuse::NPFUSE_ISA
