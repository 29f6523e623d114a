#include "runtime/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
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
// is finished it takes from the others' parts. So the same memory tends to meet the same core again and again, and yet
// nobody waits for a participant that is late.
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

// A thread that takes part in the region when it is called. A call that it hasn't noticed by the time the work is done
// is withdrawn, so the caller only ever waits for threads that are at work.
class alignas(cache_line) Worker {
public:
    Worker(Region& region, int index) : region_(region), index_(index), thread_([this] { run(); }) {}

    ~Worker() {
        send(stop);
        thread_.join();
    }

    void call() { send(called); }

    void withdraw_or_wait() {
        if (change(called, idle) || spin_until([this] { return state_.load() == idle; })) return;
        if (change(working, awaited)) state_.wait(awaited);
    }

private:
    enum State : int {
        idle,      // spinning for a call
        sleeping,  // whoever sends something must wake it
        called,    // not noticed yet
        working,
        awaited,  // working, and the caller sleeps: the worker must wake it
        stop,
    };

    bool change(State from, State to) { return state_.compare_exchange_strong(from, to); }

    void send(State message) {
        if (state_.exchange(message) == sleeping) state_.notify_one();
    }

    void run() {
        const FloatingPointGuard guard;
#if defined(__linux__)
        pthread_setname_np(pthread_self(), "npfuse");
#endif
        while (answer_call()) {
            region_.take_part(index_);
            if (state_.exchange(idle) == awaited) state_.notify_one();
        }
    }

    // Returns when there is work, or with false when it is time to stop.
    bool answer_call() {
        while (!change(called, working)) {
            if (state_.load() == stop) return false;
            if (spin_until([this] { return state_.load() != idle; })) continue;
            if (change(idle, sleeping)) state_.wait(sleeping);
        }
        return true;
    }

    Region& region_;
    const int index_;
    std::atomic<State> state_{idle};
    std::thread thread_;  // the last, because it uses the others
};

// Signals are for the threads that the program itself has started. A new thread inherits what is blocked.
class AllSignalsBlocked {
public:
    AllSignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &found_);
    }
    ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &found_, nullptr); }

private:
    sigset_t found_;
};

class Pool {
public:
    void run(std::ptrdiff_t n, std::ptrdiff_t grain, detail::Body body, void* context) {
        resize(num_threads() - 1);
        const std::ptrdiff_t grains = (n - 1) / grain + 1;
        const std::ptrdiff_t helpers = std::min(std::ssize(workers_), grains - 1);
        region_.start(n, grain, static_cast<int>(helpers) + 1, body, context);
        for (std::ptrdiff_t i = 0; i < helpers; ++i) workers_[i]->call();
        region_.take_part(0);
        for (std::ptrdiff_t i = 0; i < helpers; ++i) workers_[i]->withdraw_or_wait();
    }

private:
    // Where the system has no more threads to give, fewer do the work.
    void resize(std::ptrdiff_t count) {
        while (std::ssize(workers_) > count) workers_.pop_back();
        if (std::ssize(workers_) == count) return;
        const AllSignalsBlocked blocked;
        try {
            while (std::ssize(workers_) < count) {
                const int index = static_cast<int>(workers_.size()) + 1;  // the caller is participant 0
                workers_.push_back(std::make_unique<Worker>(region_, index));
            }
        } catch (const std::exception&) {
        }
    }

    Region region_;
    std::vector<std::unique_ptr<Worker>> workers_;
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
