#include "loss_docstring.h"

#include <cstdio>

namespace npfuse::bind {

namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

std::string lines_for(Span<Parameter> parameters, const char* type) {
    std::string text;
    for (const Parameter& parameter : parameters)
        text += std::string(parameter.name) + " : " + type + ", default " + number(parameter.default_value) + "\n    " +
                parameter.meaning + "\n";
    return text;
}

std::string lines_for(Span<Flag> flags) {
    std::string text;
    for (const Flag& flag : flags)
        text += std::string(flag.name) + " : bool, default " + (flag.default_value ? "True" : "False") + "\n    " +
                flag.meaning + "\n";
    return text;
}

// What the arguments of a kind of loss are, where the docstrings of the kinds differ.
struct Words {
    std::string name;
    std::string prediction;
    const Description& description;
    std::string arguments;  // between the prediction and out
    const char* value;
    const char* errors;
};

std::string docstring(const Words& words) {
    const std::string &name = words.name, &pred = words.prediction;
    const Description& d = words.description;
    std::string text = d.summary;
    text += "\n\n``" + name + "(" + pred + ", target)`` is the value, ``" + name + ".value_and_grad(" + pred +
            ", target)`` the value and its\ngradient with respect to `" + pred + "`, ``" + name + ".grad(" + pred +
            ", target)`` the gradient alone.\n\n";
    text += "Parameters\n----------\n" + pred +
            " : array_like\n"
            "    float16, bfloat16, float32 or float64; integers promote as for `numpy.exp`. Half types are computed\n"
            "    in float32.\n" +
            words.arguments +
            "out : ndarray, optional\n"
            "    Where the gradient goes, of the shape and dtype of `" +
            pred + "`. It may share memory with any operand.\n\n";
    text += std::string("Returns\n-------\nvalue : float or ndarray\n") + words.value +
            "grad : ndarray\n"
            "    The derivative of the value (under \"none\", of the values' sum), of the shape and dtype of `" +
            pred + "`.\n\n";
    text += std::string("Raises\n------\nTypeError\n") +
            "    If an array is complex, an object or masked, or `out` is of another dtype than `" + pred +
            "`.\nValueError\n" + words.errors +
            "    If a parameter is out of its range, or `out` is read-only or of another shape.\n\n";
    text += std::string("Notes\n-----\nvalue = ") + d.formula + "\n\ngrad = " + d.derivative +
            "\n\nAccuracy: " + d.accuracy + "\n\n";
    if (*d.notes) text += std::string(d.notes) + "\n\n";
    text += std::string("References\n----------\n") + d.source + "\n\n";
    text += std::string("Examples\n--------\n>>> import numpy as np\n>>> import npfuse as nf\n") + d.example + "\n";
    return text;
}

}  // namespace

std::string loss_docstring(const Loss& loss) {
    return docstring({
        loss.name,
        "pred",
        *loss.description,
        "target : array_like\n"
        "    Floats or integers that broadcast to the shape of `pred`.\n" +
            lines_for(loss.operands, "array_like that broadcasts to `pred`") +
            "weight : array_like, optional\n"
            "    Multiplies the value of each element; broadcasts to the shape of `pred`.\n"
            "reduction : {\"mean\", \"sum\", \"none\"}, default \"mean\"\n"
            "    \"mean\" divides the sum by the number of elements, whatever the weights; of no elements it is 0.\n" +
            lines_for(loss.parameters, "float") + lines_for(loss.flags),
        "    A float, summed in float64 in one fixed order; under \"none\" an array of the shape and dtype of "
        "`pred`.\n",
        "    If a shape does not broadcast to that of `pred`.\n",
    });
}

std::string loss_docstring(const RowLoss& loss) {
    const std::string prediction = loss.prediction;
    return docstring({
        loss.name,
        prediction,
        *loss.description,
        "target : array_like\n"
        "    Labels: integers of any type, that broadcast to the shape of `" +
            prediction + "` without its axis." +
            (loss.takes_probabilities
                 ? "\n    Or probabilities: floats of as many dimensions as `" + prediction + "`, that broadcast to it."
                 : "") +
            "\naxis : int, default -1\n"
            "    Where the classes are.\n"
            "weight : array_like, optional\n"
            "    A weight for each class, at least 0.\n"
            "ignore_index : int, default -100\n"
            "    The label of rows that count for nothing.\n"
            "reduction : {\"mean\", \"sum\", \"none\"}, default \"mean\"\n"
            "    \"mean\" divides the sum by the sum of the targets' weights; where that is 0, the mean is 0.\n" +
            lines_for(loss.parameters, "float"),
        "    A float, summed in float64 in one fixed order; under \"none\" one value for each row.\n",
        "    If a label is out of range, a shape does not fit, or a class weight is negative.\n",
    });
}

}  // namespace npfuse::bind
