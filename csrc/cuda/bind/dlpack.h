// The part of the DLPack standard (https://dmlc.github.io/dlpack) by which arrays are handed over: a capsule named
// "dltensor" that holds a DLManagedTensor, or, from version 1 on, one named "dltensor_versioned" that holds a
// DLManagedTensorVersioned. Whoever takes it renames it and calls the deleter in the end.
#pragma once

#include <cstdint>

namespace npfuse::device::bind {

struct DLDevice {
    std::int32_t kind;
    std::int32_t id;
};

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

struct DLPackVersion {
    std::uint32_t major;
    std::uint32_t minor;
};

enum DLPackFlag : std::uint64_t { dl_read_only = 1, dl_is_copied = 2 };

struct DLManagedTensorVersioned {
    DLPackVersion version;
    void* context;
    void (*deleter)(DLManagedTensorVersioned* self);
    std::uint64_t flags;
    DLTensor tensor;
};

}  // namespace npfuse::device::bind
