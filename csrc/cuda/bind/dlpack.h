// The part of the DLPack standard (https://dmlc.github.io/dlpack) by which arrays are handed over, version 0: a capsule
// named "dltensor" that holds one of these. Whoever takes it renames it and calls the deleter in the end.
#pragma once

#include <cstdint>

namespace npfuse::device::bind {

struct DLDevice {
    std::int32_t kind;
    std::int32_t id;
};

enum DLTypeCode : std::uint8_t { dl_int = 0, dl_uint = 1, dl_float = 2, dl_bfloat = 4 };

struct DLDataType {
    std::uint8_t code;
    std::uint8_t bits;
    std::uint16_t lanes;
};

struct DLTensor {
    void* data;
    DLDevice device;
    std::int32_t dimensions;
    DLDataType dtype;
    std::int64_t* shape;
    std::int64_t* strides;  // in elements; null: C order
    std::uint64_t byte_offset;
};

struct DLManagedTensor {
    DLTensor tensor;
    void* context;
    void (*deleter)(DLManagedTensor* self);
};

}  // namespace npfuse::device::bind
