package org.wanda4j.text.jinja;

import java.util.HashMap;
import java.util.Map;

/// The variables that a place in a template sees. Variables that a loop or a macro sets end with it.
final class Scope {

    private final Scope outer;
    private final WorkLimit work;
    private final Map<String, Object> variables = new HashMap<>();

    private Scope(Scope outer, WorkLimit work) {
        this.outer = outer;
        this.work = work;
    }

    /// A scope of its own.
    static Scope fresh() {
        return new Scope(null, new WorkLimit());
    }

    Scope inner() {
        return new Scope(this, work);
    }

    /// The one around all.
    Scope outermost() {
        return outer == null ? this : outer.outermost();
    }

    WorkLimit work() {
        return work;
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            if (scope.variables.containsKey(name)) {
                return scope.variables.get(name);
            }
        }
        return Undefined.variable(name);
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }
}
