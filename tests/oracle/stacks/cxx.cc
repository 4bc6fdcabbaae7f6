// The ways in which C++ calls: constructors, virtual functions, closures, exceptions.
#include "mark.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "calls.h"

volatile int mark_count;

namespace space
{

static NOINLINE void plain(int n)
{
    mark(n);
    mark_count++;
}

struct Base {
    virtual ~Base() = default;
    virtual void work(int n) = 0;
};

struct Other {
    virtual ~Other() = default;
    virtual void more(int n) = 0;
    int member = 1;
};

// more() is called through a thunk, since Other is not its first base.
struct Derived : Base, Other {
    explicit Derived(int n);
    ~Derived() override;
    void work(int n) override;
    void more(int n) override;
    int in_destructor = -1;
};

NOINLINE Derived::Derived(int n)
{
    plain(n);
    mark_count++;
}

NOINLINE Derived::~Derived()
{
    if (in_destructor >= 0)
        plain(in_destructor);
    mark_count++;
}

NOINLINE void Derived::work(int n)
{
    plain(n);
    mark_count++;
}

NOINLINE void Derived::more(int n)
{
    plain(n);
    mark_count += member;
}

template <typename Type, int Number> NOINLINE Type pattern(Type value)
{
    plain(Number);
    return value + mark_count;
}

struct Number {
    int value;
    NOINLINE int operator()(int n) const
    {
        plain(n);
        return value + mark_count;
    }
    NOINLINE Number operator+(const Number &other) const
    {
        plain(value + other.value);
        return {value + mark_count};
    }
    NOINLINE explicit operator bool() const
    {
        plain(value);
        return mark_count != 0;
    }
};

// What its destructor does, an exception that passes makes it do.
struct Guard {
    int n;
    NOINLINE ~Guard()
    {
        plain(n);
        mark_count++;
    }
};

struct Large : std::runtime_error {
    Large() : std::runtime_error("large") {}
    char bytes[300000];
};

static NOINLINE void throws(int how)
{
    if (how == 1)
        throw std::runtime_error("seen");
    if (how == 2)
        throw Large();
    mark_count++;
}

static NOINLINE void guarded(int n, int how)
{
    Guard guard{n};

    throws(how);
    mark_count++;
}

static NOINLINE void catches(int n, int how)
{
    try {
        guarded(n, how);
    } catch (const std::exception &error) {
        plain(n + 1);
        mark_count += error.what()[0];
    }
}

static NOINLINE void rethrows(int n)
{
    try {
        try {
            throws(1);
        } catch (...) {
            Guard guard{n};
            throw;
        }
    } catch (const std::runtime_error &error) {
        plain(n + 1);
        mark_count += error.what()[0];
    }
}

} // namespace space

namespace
{

NOINLINE void hidden(int n)
{
    space::plain(n);
    mark_count++;
}

struct Global {
    Global()
    {
        space::plain(60);
        mark_count++;
    }
    ~Global()
    {
        space::plain(61);
        mark_count++;
    }
} global;

} // namespace

static NOINLINE void objects()
{
    space::Derived derived(mark_unknown(0));
    space::Base *volatile base = &derived;
    space::Other *volatile other = &derived;

    base->work(1);
    other->more(2);
    derived.in_destructor = 3;
}

static NOINLINE void closures(int n)
{
    std::function<void(int)> function = [n](int m) {
        space::plain(n + m);
        mark_count++;
    };
    std::vector<int> numbers{3, 1, 2};

    function(1);
    function = space::Number{7};
    function(12);
    std::for_each(numbers.begin(), numbers.end(), [&](int m) {
        space::plain(n + 2 + m);
        mark_count++;
    });
    space::Number sum = space::Number{10} + space::Number{mark_unknown(7)};
    if (space::Number{18})
        mark_count += sum.value;
    std::bind(&space::Number::operator(), space::Number{1}, std::placeholders::_1)(19);
}

static NOINLINE void containers()
{
    std::vector<char> bytes(MARK_BYTES(20));
    std::string text(MARK_BYTES(21), 'x');
    std::map<std::string, std::vector<int>> map;

    for (int i = 0; i < 2000; i++)
        map[std::to_string(i)].resize(100);
    bytes.resize(MARK_BYTES(22));
    text += text;
    auto shared = std::make_shared<std::vector<long>>(MARK_BYTES(23) / sizeof(long));
    std::unique_ptr<char[]> array(new char[MARK_BYTES(24)]);
    mark_count += bytes[1] + text[1] + static_cast<int>((*shared)[1]) + (array != nullptr);
}

[[noreturn]] static void terminated()
{
    space::plain(62);
    std::exit(0);
}

static NOINLINE void may_not_throw() noexcept
{
    space::throws(1);
    mark_count++;
}

int main()
{
    objects();
    closures(mark_unknown(10));
    containers();
    mark_count += space::pattern<int, 30>(1) + static_cast<int>(space::pattern<double, 31>(1.5));
    hidden(mark_unknown(32));
    space::catches(mark_unknown(33), 0);
    space::catches(mark_unknown(34), 1);
    space::catches(mark_unknown(36), 2);
    space::rethrows(mark_unknown(38));
    calls_back([](int n) { space::plain(n); }, mark_unknown(40));
    std::thread([](int n) { space::plain(n); }, 41).join();
    std::set_terminate(terminated);
    may_not_throw();
}
