package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A macro, bound to the scope of its definition.
///
/// @param home the variables of its body
record Macro(Scope home, Definition definition) implements Function {

    /// `{% macro name(parameters) %}body{% endmacro %}`
    ///
    /// @param parameters each with its default; empty where it has none
    /// @param body       which may name `varargs`, `kwargs` and `caller`
    /// @param rest       which of them it names
    record Definition(
            String name,
            Map<String, Optional<Expression>> parameters,
            Statement body,
            List<String> rest) {}

    String name() {
        return definition.name();
    }

    @Override
    public Object call(Scope caller, Arguments arguments) {
        Scope scope = home.inner();
        Map<String, Object> named = new LinkedHashMap<>(arguments.named());
        List<String> names = new ArrayList<>(definition.parameters().keySet());
        int count = Math.min(arguments.count(), names.size());
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            if (i < count) {
                scope.set(name, arguments.get(i));
            } else if (named.containsKey(name)) {
                scope.set(name, named.remove(name));
            } else {
                Optional<Expression> fallback = definition.parameters().get(name);
                scope.set(
                        name,
                        fallback.isPresent()
                                ? fallback.get().value(scope)
                                : new Undefined("parameter '" + name + "' was not provided"));
            }
        }
        bindRest(scope, arguments.positional().subList(count, arguments.count()), named);
        var text = new Output(caller.work());
        definition.body().run(scope, text);
        return text.toString();
    }

    private void bindRest(Scope scope, List<Object> positional, Map<String, Object> named) {
        List<String> rest = definition.rest();
        if (rest.contains("caller") && !definition.parameters().containsKey("caller")) {
            Object caller = named.remove("caller");
            scope.set("caller", caller == null ? new Undefined("No caller defined") : caller);
        }
        if (rest.contains("kwargs")) {
            scope.set("kwargs", named);
        } else if (!named.isEmpty()) {
            throw error("takes no argument '" + named.keySet().iterator().next() + "'");
        }
        if (rest.contains("varargs")) {
            scope.set("varargs", Tuple.of(positional));
        } else if (!positional.isEmpty()) {
            throw error(
                    "takes not more than %d arguments".formatted(definition.parameters().size()));
        }
    }

    private TemplateException error(String what) {
        return new TemplateException("macro '" + name() + "' " + what);
    }
}
