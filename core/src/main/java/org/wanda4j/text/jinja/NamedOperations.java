package org.wanda4j.text.jinja;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Filters, tests or methods by name: what each makes of a value and of the arguments behind its name.
final class NamedOperations<T> {

    /// What one of them does.
    interface Body<T> {
        Object apply(Scope scope, T value, Arguments arguments);
    }

    /// One of them.
    record Operation<T>(Signature signature, Body<T> body) {

        Object apply(Scope scope, T value, Arguments given) {
            return body.apply(scope, value, signature.bind(given));
        }
    }

    private final String kind;
    private final Map<String, Operation<T>> all = new HashMap<>();

    /// @param kind what they are, for messages
    NamedOperations(String kind) {
        this.kind = kind;
    }

    /// @param signature as [Signature#of] reads it
    NamedOperations<T> add(String signature, Body<T> body) {
        var operation = new Operation<>(Signature.of(signature), body);
        all.put(operation.signature().name(), operation);
        return this;
    }

    /// Further names of the same.
    NamedOperations<T> alias(String name, String... others) {
        for (String other : others) {
            all.put(other, all.get(name));
        }
        return this;
    }

    Optional<Operation<T>> find(String name) {
        return Optional.ofNullable(all.get(name));
    }

    /// What a template uses as `name`, which must be there.
    Operation<T> named(String name) {
        return find(name)
                .orElseThrow(() ->
                        new TemplateException(
                                "the %s '%s' is not known here".formatted(kind, name)));
    }
}
