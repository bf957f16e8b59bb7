package org.wanda4j.text.jinja;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// `{% for names in items if condition %}body{% else %}otherwise{% endfor %}`
record Loop(
        List<String> names,
        Expression items,
        Expression condition,
        Statement body,
        Statement otherwise)
        implements Statement {

    @Override
    public Flow run(Scope scope, Output output) {
        List<Object> chosen =
                Values.items(Values.charged(scope, items.value(scope))).stream()
                        .filter(item -> Values.isTrue(condition.value(bind(scope, item))))
                        .toList();
        for (int i = 0; i < chosen.size(); i++) {
            scope.budget().charge(1);
            Scope inner = bind(scope, chosen.get(i));
            inner.set("loop", state(chosen, i));
            if (body.run(inner, output) == Flow.BREAK) {
                break;
            }
        }
        return chosen.isEmpty() ? otherwise.run(scope, output) : Flow.NEXT;
    }

    private Scope bind(Scope scope, Object item) {
        Scope inner = scope.inner();
        Parser.assign(inner, names, item);
        return inner;
    }

    /// What `loop` says in round `i`.
    private static Map<String, Object> state(List<Object> items, int i) {
        Map<String, Object> state = new HashMap<>();
        state.put("index0", (long) i);
        state.put("index", i + 1L);
        state.put("first", i == 0);
        state.put("last", i + 1 == items.size());
        state.put("length", (long) items.size());
        state.put("revindex", (long) items.size() - i);
        state.put("revindex0", items.size() - i - 1L);
        state.put("previtem", i == 0 ? new Undefined("previtem") : items.get(i - 1));
        state.put("nextitem", i + 1 == items.size() ? new Undefined("nextitem") : items.get(i + 1));
        return state;
    }
}
