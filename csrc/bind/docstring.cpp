#include "docstring.h"

#include <cstdio>
#include <deque>

namespace npfuse::bind {

namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

std::string indent(const std::string& text) {
    std::string result = "    ";
    for (char c : text) {
        result += c;
        if (c == '\n') result += "    ";
    }
    return result;
}

std::string parameter_lines(const Activation& activation) {
    std::string text;
    for (const Parameter& parameter : activation.parameters)
        text += std::string(parameter.name) + " : array_like, default " + number(parameter.default_value) + "\n" +
                indent(parameter.meaning) + " Broadcasts against `x`.\n";
    return text;
}

constexpr const char* shared_parameters =
    "out : ndarray, optional\n"
    "    Where the result goes; it may be an operand itself.\n"
    "**kwargs\n"
    "    Every other argument of a NumPy ufunc: ``where``, ``dtype``, ``casting``, ``order``, ``subok``.\n";

constexpr const char* shared_errors =
    "Raises\n------\n"
    "TypeError\n    If an operand is complex or an object.\n"
    "ValueError\n    If the operands do not broadcast, or `out` is read-only or of another shape.\n";

std::string notes(const Activation& activation, const char* formula_name, const char* formula) {
    const Description& d = *activation.description;
    std::string text = "Notes\n-----\n";
    text += std::string(formula_name) + " = " + formula + "\n\n";
    text += std::string("Accuracy: ") + d.accuracy + "\n";
    if (*d.notes) text += std::string("\n") + d.notes + "\n";
    return text;
}

}  // namespace

std::string forward_docstring(const Activation& activation) {
    const Description& d = *activation.description;
    std::string text = d.summary;
    text +=
        "\n\nParameters\n----------\n"
        "x : array_like\n"
        "    float16, bfloat16, float32 or float64; integers promote as for `numpy.exp`.\n";
    text += parameter_lines(activation) + shared_parameters;
    text +=
        "\nReturns\n-------\n"
        "y : ndarray or scalar\n"
        "    Of the shape of the broadcast operands and of the dtype of `x`. Half types are computed in float32.\n\n";
    text += shared_errors;
    text += "\nSee Also\n--------\n" + std::string(activation.name) + "_backward : its derivative.\n\n";
    text += notes(activation, "y", d.formula);
    text += "\nReferences\n----------\n" + std::string(d.source) + "\n";
    text += "\nExamples\n--------\n>>> import numpy as np\n>>> import npfuse as nf\n" + std::string(d.example) + "\n";
    return text;
}

std::string backward_docstring(const Activation& activation) {
    const Description& d = *activation.description;
    const std::string name = activation.name;
    std::string text = "Gradient of a loss with respect to the input of `" + name + "`.";
    text +=
        "\n\nParameters\n----------\n"
        "dy : array_like\n"
        "    Gradient with respect to the output.\n"
        "x : array_like\n"
        "    The input that `" + name + "` was given, not its output.\n";
    text += parameter_lines(activation) + shared_parameters;
    text +=
        "\nReturns\n-------\n"
        "dx : ndarray or scalar\n"
        "    Of the shape of the broadcast operands.\n\n";
    text += shared_errors;
    text += "\nSee Also\n--------\n" + name + " : the function itself.\n\n";
    text += notes(activation, "dx", (std::string("dy * (") + d.derivative + ")").c_str());
    text += "\nReferences\n----------\n" + std::string(d.source) + "\n";
    std::string arguments = "1.0, 0.5";
    for (const Parameter& parameter : activation.parameters) arguments += ", " + number(parameter.default_value);
    text += "\nExamples\n--------\n>>> import npfuse as nf\n>>> slope = nf." + name + "_backward(" + arguments + ")\n" +
            ">>> secant = (nf." + name + "(" + arguments.substr(5) + ") - nf." + name + "(0.499" +
            arguments.substr(8) + ")) / 0.001\n>>> bool(abs(slope - secant) < 0.01)\nTrue\n";
    return text;
}

const char* keep(const std::string& text) {
    static std::deque<std::string> kept;
    return kept.emplace_back(text).c_str();
}

}  // namespace npfuse::bind
