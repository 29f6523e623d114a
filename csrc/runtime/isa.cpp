#include "runtime/isa.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace npfuse::runtime {

namespace detail {
const KernelTable* active_table = nullptr;
}

namespace {

#if defined(__x86_64__)

struct Registers {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero, so no feature at all, where the CPU lacks the leaf.
Registers cpuid(unsigned leaf) {
    Registers r;
    __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
    return r;
}

// The register states that the operating system saves when it switches threads.
unsigned saved_states() {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

constexpr bool has_all(unsigned word, unsigned bits) { return (word & bits) == bits; }

// The levels of the x86-64 psABI, which are what the compiler may use under -march=x86-64-v2, -v3 and -v4: every
// feature is tested, because hypervisors and emulators do mask single ones.
struct Levels {
    bool v2, v3, v4;
};

Levels detect_levels() {
    constexpr unsigned xmm_ymm = 0x6, xmm_ymm_opmask_zmm = 0xe6;

    const Registers leaf1 = cpuid(1);
    const Registers leaf7 = cpuid(7);
    const Registers extended = cpuid(0x80000001);
    const unsigned states = has_all(leaf1.ecx, bit_OSXSAVE) ? saved_states() : 0;

    Levels levels;
    levels.v2 = has_all(leaf1.ecx, bit_SSE3 | bit_SSSE3 | bit_CMPXCHG16B | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT) &&
                has_all(extended.ecx, bit_LAHF_LM);
    levels.v3 = levels.v2 && has_all(states, xmm_ymm) &&
                has_all(leaf1.ecx, bit_XSAVE | bit_OSXSAVE | bit_AVX | bit_F16C | bit_FMA | bit_MOVBE) &&
                has_all(leaf7.ebx, bit_AVX2 | bit_BMI | bit_BMI2) && has_all(extended.ecx, bit_LZCNT);
    levels.v4 = levels.v3 && has_all(states, xmm_ymm_opmask_zmm) &&
                has_all(leaf7.ebx, bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL);
    return levels;
}

#endif

std::string names_of(const std::vector<const KernelTable*>& tables) {
    std::string names;
    for (const KernelTable* table : tables) {
        if (!names.empty()) names += ", ";
        names += table->isa;
    }
    return names;
}

const KernelTable& choose_table() {
    const std::vector<const KernelTable*> tables = available_tables();
    if (tables.empty()) {
        throw std::runtime_error("npfuse cannot run on this CPU: it lacks the x86-64-v2 instructions (SSE4.2, POPCNT)");
    }
    const char* wanted = std::getenv("NPFUSE_ISA");
    if (wanted == nullptr || *wanted == '\0') return *tables.front();
    for (const KernelTable* table : tables) {
        if (std::string(wanted) == table->isa) return *table;
    }
    throw std::runtime_error("the environment variable NPFUSE_ISA is '" + std::string(wanted) +
                             "', which is not available on this CPU; available: " + names_of(tables));
}

}  // namespace

std::vector<const KernelTable*> available_tables() {
    std::vector<const KernelTable*> tables;
#if defined(__x86_64__)
    const Levels levels = detect_levels();
#if defined(NPFUSE_HAS_x86_64_v4)
    if (levels.v4) tables.push_back(&x86_64_v4::table);
#endif
#if defined(NPFUSE_HAS_x86_64_v3)
    if (levels.v3) tables.push_back(&x86_64_v3::table);
#endif
#if defined(NPFUSE_HAS_x86_64_v2)
    if (levels.v2) tables.push_back(&x86_64_v2::table);
#endif
#elif defined(__aarch64__)
    tables.push_back(&neon::table);  // part of every aarch64 CPU
#endif
    return tables;
}

const KernelTable& select_table() {
    if (detail::active_table == nullptr) detail::active_table = &choose_table();
    return *detail::active_table;
}

}  // namespace npfuse::runtime
