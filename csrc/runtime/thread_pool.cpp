#include "runtime/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "runtime/floating_point.h"

namespace npfuse::runtime {

namespace {

constexpr std::size_t cache_line = 64;

// Waking a thread that sleeps costs tens of microseconds, so a thread that waits spins about as long before it sleeps.
constexpr std::chrono::microseconds spin_time{50};

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

// Yields now and then: where there are more threads than CPUs, the one that is waited for may be waiting for this CPU.
template <class Condition>
bool spin_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + spin_time;
    do {
        for (int i = 0; i < 16; ++i) {
            if (condition()) return true;
            relax();
        }
        std::this_thread::yield();
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
}

// A range of work being shared out. Each participant has a part of the range, which it takes in small steps; once that
// is finished it takes from the others' parts. So the same memory tends to meet the same core again and again, and the
// parts of participants that are late, or never come, are done by the others.
class Region {
public:
    void start(std::ptrdiff_t n, std::ptrdiff_t grain, int participants, detail::Body body, void* context) {
        n_ = n;
        grain_ = grain;
        participants_ = participants;
        body_ = body;
        context_ = context;
        const std::ptrdiff_t grains = (n - 1) / grain + 1;
        const std::ptrdiff_t each = grains / participants, left_over = grains % participants;
        step_ = std::max<std::ptrdiff_t>(1, each / steps_per_part);
        std::ptrdiff_t first = 0;
        for (int i = 0; i < participants; ++i) {
            parts_[i].next.store(first, std::memory_order_relaxed);
            first += each + (i < left_over ? 1 : 0);
            parts_[i].end = first;
        }
    }

    void take_part(int self) {
        for (int i = 0; i < participants_; ++i) finish(parts_[(self + i) % participants_]);
    }

private:
    static constexpr int steps_per_part = 8;

    // Counted in grains.
    struct alignas(cache_line) Part {
        std::atomic<std::ptrdiff_t> next;
        std::ptrdiff_t end;
    };

    void finish(Part& part) {
        while (part.next.load(std::memory_order_relaxed) < part.end) {
            const std::ptrdiff_t first = part.next.fetch_add(step_, std::memory_order_relaxed);
            if (first >= part.end) return;
            const std::ptrdiff_t last = std::min(first + step_, part.end);
            body_(context_, first * grain_, std::min(last * grain_, n_));
        }
    }

    std::ptrdiff_t n_, grain_, step_;
    int participants_;
    detail::Body body_;
    void* context_;
    Part parts_[max_threads];
};

// The helpers that work on a region together with the caller. They join while the region is open, so the caller waits
// at its end for those that have joined, never for one that is still asleep or on its way.
class alignas(cache_line) Team {
public:
    // Opens a region to helpers 1, ..., helpers.
    void open(int helpers) {
        helpers_.store(helpers, std::memory_order_relaxed);
        ++regions_;
        state_.store(regions_ << regions_shift | open_bit);
    }

    // Returns when all that have joined have left.
    void close() {
        const auto is_empty = [this] { return (state_.load() & joined_mask) == 0; };
        state_.fetch_and(~open_bit);
        if (spin_until(is_empty)) return;
        for (caller_waits_.store(1); !is_empty(); caller_waits_.store(1)) caller_waits_.wait(1);
        caller_waits_.store(0);
    }

    // How many regions there have been.
    std::uint64_t regions() const { return state_.load() >> regions_shift; }

    // The helpers that the region was last opened to.
    int helpers() const { return helpers_.load(std::memory_order_relaxed); }

    bool join(int helper) {
        for (std::uint64_t state = state_.load(); (state & open_bit) != 0 && helper <= helpers();)
            if (state_.compare_exchange_weak(state, state + 1)) return true;
        return false;
    }

    void leave() {
        state_.fetch_sub(1);
        if (caller_waits_.exchange(0) == 1) caller_waits_.notify_one();
    }

private:
    static constexpr int regions_shift = 32;
    static constexpr std::uint64_t joined_mask = 0xffff, open_bit = 0x10000;

    std::atomic<std::uint64_t> state_{0};  // the number of regions so far, whether it is open, how many have joined
    std::atomic<int> helpers_{0};
    std::atomic<int> caller_waits_{0};
    std::uint64_t regions_ = 0;
};

// A thread that helps with every region that it comes to in time. Helper i unparks helpers 2 i and 2 i + 1, so that the
// caller only has to unpark the first.
class Helper {
public:
    using List = std::vector<std::unique_ptr<Helper>>;

    Helper(Region& region, Team& team, const List& all, int index)
        : region_(region), team_(team), all_(all), index_(index), thread_([this] { run(); }) {
#if defined(__linux__)
        pthread_setname_np(thread_.native_handle(), "npfuse");
#endif
    }

    ~Helper() {
        stops_.store(true);
        if (is_parked_.exchange(0) == 1) is_parked_.notify_one();
        thread_.join();
    }

    void unpark() {
        if (is_parked_.load() == 0 || is_parked_.exchange(0) == 0) return;
        leave_this_cpu();
        is_parked_.notify_one();
    }

private:
    void run() {
        const FloatingPointGuard guard;
        std::uint64_t seen = 0;
        while (await_region_after(seen)) {
            seen = team_.regions();
            if (!team_.join(index_)) continue;
            for (int child : {2 * index_, 2 * index_ + 1})
                if (child <= team_.helpers()) all_[static_cast<std::size_t>(child - 1)]->unpark();
            region_.take_part(index_);
            team_.leave();
        }
    }

    // Returns false when it is time to stop.
    bool await_region_after(std::uint64_t seen) {
        const auto is_wanted = [&] { return team_.regions() != seen || stops_.load(); };
        while (!spin_until(is_wanted)) {
            is_parked_.store(1);
            if (!is_wanted()) is_parked_.wait(1);
            is_parked_.store(0);
        }
        return !stops_.load();
    }

    // Linux may wake a thread on the CPU of the one that unparks it, where it would wait for milliseconds.
    void leave_this_cpu() {
#if defined(__linux__)
        cpu_set_t allowed;
        const int cpu = sched_getcpu();
        if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
        CPU_CLR(cpu, &allowed);
        if (CPU_COUNT(&allowed) > 0) pthread_setaffinity_np(thread_.native_handle(), sizeof allowed, &allowed);
#endif
    }

    Region& region_;
    Team& team_;
    const List& all_;  // complete while a region is open
    const int index_;
    std::atomic<bool> stops_{false};
    std::atomic<int> is_parked_{0};
    std::thread thread_;  // the last, because it uses the others
};

// Signals that another process or a timer sends are for the threads that the program itself has started; those that a
// thread's own instructions raise stay with it. A new thread inherits what is blocked.
class AsynchronousSignalsBlocked {
public:
    AsynchronousSignalsBlocked() {
        sigset_t signals;
        sigfillset(&signals);
        for (const int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
            sigdelset(&signals, synchronous);
        pthread_sigmask(SIG_SETMASK, &signals, &found_);
    }
    ~AsynchronousSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &found_, nullptr); }

private:
    sigset_t found_;
};

class Pool {
public:
    void run(std::ptrdiff_t n, std::ptrdiff_t grain, detail::Body body, void* context) {
        resize(useful_threads() - 1);
        const std::ptrdiff_t grains = (n - 1) / grain + 1;
        const int helpers = static_cast<int>(std::min(std::ssize(helpers_), grains - 1));
        region_.start(n, grain, helpers + 1, body, context);
        team_.open(helpers);
        if (helpers > 0) helpers_.front()->unpark();
        region_.take_part(0);
        team_.close();
    }

private:
    // Where the system has no more threads to give, fewer do the work.
    void resize(std::ptrdiff_t count) {
        while (std::ssize(helpers_) > count) helpers_.pop_back();
        if (std::ssize(helpers_) == count) return;
        const AsynchronousSignalsBlocked blocked;
        try {
            while (std::ssize(helpers_) < count) {
                const int index = static_cast<int>(helpers_.size()) + 1;  // the caller is participant 0
                helpers_.push_back(std::make_unique<Helper>(region_, team_, helpers_, index));
            }
        } catch (const std::exception&) {
        }
    }

    Region region_;
    Team team_;
    Helper::List helpers_;
};

// Whoever sets `pool_in_use` owns the pool until it clears it; nobody ever waits for it.
std::atomic<bool> pool_in_use{false};
Pool* pool = nullptr;

struct Lifetime {
    // A forked child has only the thread that forked. The pool it sees, its threads gone and perhaps in the middle of
    // some other thread's work, can be neither used nor destroyed.
    Lifetime() {
        pthread_atfork(nullptr, nullptr, [] {
            pool = nullptr;
            pool_in_use.store(false);
        });
    }

    // Other threads may still be running, even inside a region; the pool is then left to the end of the process.
    // Kept in use, so that from here on everything runs inline.
    ~Lifetime() {
        if (!pool_in_use.exchange(true)) delete pool;
    }
} lifetime;

}  // namespace

void detail::split_over_threads(std::ptrdiff_t n, std::ptrdiff_t grain, Body body, void* context) noexcept {
    if (pool_in_use.exchange(true)) {
        body(context, 0, n);
        return;
    }
    if (pool == nullptr) pool = new (std::nothrow) Pool;
    if (pool != nullptr) {
        pool->run(n, grain, body, context);
    } else {
        body(context, 0, n);
    }
    pool_in_use.store(false);
}

}  // namespace npfuse::runtime
