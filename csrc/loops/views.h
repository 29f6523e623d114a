// Arrays of any shape and dtype, block by block as contiguous memory of the computing type.
#pragma once

#include "../loss_table.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

// Where elements [begin, begin + count) lie in memory, as runs of constant stride: visit(address, stride, position,
// length), position counted from begin.
template <class Visit>
inline void for_each_run(const View& view, ptrdiff_t begin, ptrdiff_t count, Visit visit) {
    const int last = view.dimensions - 1;
    const ptrdiff_t length = view.shape[last], stride = view.strides[last];
    ptrdiff_t index[max_dimensions];
    char* row = view.data;
    ptrdiff_t rest = begin / length;
    for (int d = last - 1; d >= 0; --d) {
        index[d] = rest % view.shape[d];
        rest /= view.shape[d];
        row += index[d] * view.strides[d];
    }
    ptrdiff_t column = begin % length;
    for (ptrdiff_t position = 0; position < count;) {
        const ptrdiff_t left = count - position;
        const ptrdiff_t run = length - column < left ? length - column : left;
        visit(row + column * stride, stride, position, run);
        position += run;
        column = 0;
        for (int d = last - 1; d >= 0; --d) {
            row += view.strides[d];
            if (++index[d] < view.shape[d]) break;
            row -= view.shape[d] * view.strides[d];
            index[d] = 0;
        }
    }
}

// In memory as the kernels want it, so that no block needs a copy.
template <class T>
inline bool is_direct(const View& view) {
    return view.dimensions == 1 && view.strides[0] == ptrdiff_t(sizeof(T)) && view.dtype == dtype_of<T>;
}

template <class T>
inline T* direct(const View& view, ptrdiff_t begin) {
    return reinterpret_cast<T*>(view.data) + begin;
}

template <class S, class T>
NPFUSE_FORMULA T convert(S x) {
    if constexpr (__is_same(S, float16) || __is_same(S, bfloat16))
        return T(to_compute(x));
    else
        return T(x);
}

template <class S, class T>
inline void load_run(const char* source, ptrdiff_t stride, T* target, ptrdiff_t n) {
    const S* contiguous = reinterpret_cast<const S*>(source);
    if (stride == 0) {
        const T value = convert<S, T>(*contiguous);
        for (ptrdiff_t i = 0; i < n; ++i) target[i] = value;
    } else if (stride != ptrdiff_t(sizeof(S))) {
        for (ptrdiff_t i = 0; i < n; ++i) target[i] = convert<S, T>(*reinterpret_cast<const S*>(source + i * stride));
    } else if constexpr (__is_same(S, float16) && __is_same(T, float)) {
        load_contiguous(contiguous, target, n);
    } else {
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) target[i] = convert<S, T>(contiguous[i]);
    }
}

// As load_block, to another type than S is computed in as well.
template <class S, class T>
const T* load_converted(const char* source, ptrdiff_t stride, ptrdiff_t n, T* buffer) {
    load_run<S>(source, stride, buffer, n);
    return buffer;
}

template <class T>
inline auto loader_of(DType dtype) -> const T* (*)(const char*, ptrdiff_t, ptrdiff_t, T*) {
    switch (dtype) {
        case DType::float16:
            return load_converted<float16, T>;
        case DType::bfloat16:
            return load_converted<bfloat16, T>;
        case DType::float32:
            return load_converted<float, T>;
        case DType::float64:
            return load_converted<double, T>;
        case DType::int8:
            return load_converted<int8_t, T>;
        case DType::uint8:
            return load_converted<uint8_t, T>;
        case DType::int16:
            return load_converted<int16_t, T>;
        case DType::uint16:
            return load_converted<uint16_t, T>;
        case DType::int32:
            return load_converted<int32_t, T>;
        case DType::uint32:
            return load_converted<uint32_t, T>;
        case DType::int64:
            return load_converted<int64_t, T>;
        case DType::uint64:
            return load_converted<uint64_t, T>;
    }
    return nullptr;
}

template <class T>
inline void load_dtype(DType dtype, const char* source, ptrdiff_t stride, T* target, ptrdiff_t n) {
    loader_of<T>(dtype)(source, stride, n, target);
}

// A single number that counts as many.
inline bool is_repeated(const View& view) { return view.dimensions == 1 && view.strides[0] == 0; }

template <class T>
inline void fill(const View& view, ptrdiff_t count, T* block) {
    load_dtype(view.dtype, view.data, 0, block, count);
}

// Elements [begin, begin + count) of an array, to contiguous memory and back.
template <class T>
inline void load(const View& view, ptrdiff_t begin, ptrdiff_t count, T* block) {
    for_each_run(view, begin, count, [&](const char* source, ptrdiff_t stride, ptrdiff_t position, ptrdiff_t n) {
        load_dtype(view.dtype, source, stride, block + position, n);
    });
}

template <class T>
inline void store_dtype(const T* block, DType dtype, char* target, ptrdiff_t stride, ptrdiff_t n) {
    if constexpr (__is_same(T, double)) {
        store_block<double>(block, target, stride, n);
    } else {
        switch (dtype) {
            case DType::float16:
                return store_block<float16>(block, target, stride, n);
            case DType::bfloat16:
                return store_block<bfloat16>(block, target, stride, n);
            default:
                return store_block<float>(block, target, stride, n);
        }
    }
}

template <class T>
inline void store(const T* block, const View& view, ptrdiff_t begin, ptrdiff_t count) {
    for_each_run(view, begin, count, [&](char* target, ptrdiff_t stride, ptrdiff_t position, ptrdiff_t n) {
        store_dtype(block + position, view.dtype, target, stride, n);
    });
}

NPFUSE_FORMULAS_END
