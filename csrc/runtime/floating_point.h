// The floating-point environment in which kernels run, whatever the caller has set: round to nearest, subnormal numbers
// kept, no traps. On the way out the caller finds its environment, status flags included, exactly as it left it.
#pragma once

#include <optional>

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace npfuse::runtime {

// Lives around calls through function pointers (kernels, a thread's whole work): the compiler doesn't know that
// arithmetic depends on these registers, and could move arithmetic that it sees out of the guarded region.
class FloatingPointGuard {
public:
    FloatingPointGuard(const FloatingPointGuard&) = delete;
    FloatingPointGuard& operator=(const FloatingPointGuard&) = delete;

#if defined(__x86_64__)

    FloatingPointGuard() : found_(_mm_getcsr()) {
        if ((found_ & ~status_flags) != default_control) _mm_setcsr(default_control);
    }

    // Without asking whether anything has changed: reading the register again takes no less than writing it.
    ~FloatingPointGuard() { _mm_setcsr(found_); }

private:
    static constexpr unsigned status_flags = 0x3f;
    static constexpr unsigned default_control = 0x1f80;  // all exceptions masked, every other control bit zero

    const unsigned found_;

#elif defined(__aarch64__)

    FloatingPointGuard() : control_(get_control()), status_(get_status()) {
        if (control_ != 0) set_control(0);
    }

    ~FloatingPointGuard() {
        if (control_ != 0) set_control(control_);
        if (get_status() != status_) set_status(status_);
    }

private:
    static std::uint64_t get_control() {
        std::uint64_t value;
        __asm__ volatile("mrs %0, fpcr" : "=r"(value));
        return value;
    }
    static void set_control(std::uint64_t value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }

    static std::uint64_t get_status() {
        std::uint64_t value;
        __asm__ volatile("mrs %0, fpsr" : "=r"(value));
        return value;
    }
    static void set_status(std::uint64_t value) { __asm__ volatile("msr fpsr, %0" : : "r"(value)); }

    const std::uint64_t control_;
    const std::uint64_t status_;

#else
#error "no floating-point guard for this CPU: write one"
#endif
};

// The same for the few operations around kernels, where nobody reads status flags: it costs nothing unless the caller
// has set something.
class RoundingGuard {
public:
    RoundingGuard() {
        if (!is_default()) guard_.emplace();
    }

private:
    static bool is_default() {
#if defined(__x86_64__)
        return (_mm_getcsr() & 0xffc0) == 0x1f80;
#else
        std::uint64_t control;
        __asm__ volatile("mrs %0, fpcr" : "=r"(control));
        return control == 0;
#endif
    }

    std::optional<FloatingPointGuard> guard_;
};

}  // namespace npfuse::runtime
