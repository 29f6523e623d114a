// What describes an operation, in addition to its formula: plain data, the same for every instruction set.
#pragma once

namespace npfuse {

// The values that a parameter may take when it is one number (bind/parameter.h).
enum class Domain {
    number,    // any, NaN among them
    extended,  // any but NaN
    real,      // any finite one
    non_negative,
    positive,  // these two finite
    positive_or_infinite,
    unit_interval,
};

// A parameter that follows the operands (elu's alpha) and takes its default when the caller leaves it out.
struct Parameter {
    const char* name;
    double default_value;
    const char* meaning;
    Domain domain = Domain::real;
};

// A yes or no that chooses between formulas.
struct Flag {
    const char* name;
    bool default_value;
    const char* meaning;
};

// The pieces from which docstrings are put together (bind/docstring.cpp).
struct Description {
    const char* summary;     // one line, ends with a full stop
    const char* formula;     // y as plain text, in terms of x and the parameters
    const char* derivative;  // dy/dx, likewise
    const char* accuracy;    // what tests/table holds it to
    const char* notes;       // conventions, special values, who does it otherwise
    const char* source;      // paper or standard
    const char* example;     // a doctest; np and nf are imported
};

}  // namespace npfuse
