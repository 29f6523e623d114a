#include "docstring.h"
#include "register.h"
#include "row_function.h"
#include "runtime/isa.h"
#include "ufuncs.h"

namespace npfuse::bind {

void register_rows(py::module_& module) {
    register_row_function(module);
    for (const RowOperation& operation : runtime::active_table().rows.operations) {
        const std::string name = operation.name;
        add_operation(module, "rows", name,
                      make_row_function(make_row_ufunc(operation.forward, name, forward_docstring(operation))));
        const std::string backward = name + "_backward";
        add_ufunc(module, backward,
                  make_row_function(make_row_ufunc(operation.backward, backward, backward_docstring(operation))));
    }
    module.attr("maxout_ufunc") = make_maxout_ufunc();
    module.attr("maxout_values_ufunc") = make_maxout_values_ufunc();
    module.attr("maxout_backward_ufunc") = make_maxout_backward_ufunc();
}

}  // namespace npfuse::bind
