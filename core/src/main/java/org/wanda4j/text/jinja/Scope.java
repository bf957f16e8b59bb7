package org.wanda4j.text.jinja;

import java.util.HashMap;
import java.util.Map;

/// The variables that a place in a template sees. Variables that a loop or a macro sets end with it.
final class Scope {

    private final Scope outer;
    private final Budget budget;
    private final Map<String, Object> variables = new HashMap<>();

    private Scope(Scope outer, Budget budget) {
        this.outer = outer;
        this.budget = budget;
    }

    /// A scope of its own.
    static Scope fresh() {
        return new Scope(null, new Budget());
    }

    Scope inner() {
        return new Scope(this, budget);
    }

    /// The one around all.
    Scope outermost() {
        return outer == null ? this : outer.outermost();
    }

    Budget budget() {
        return budget;
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
