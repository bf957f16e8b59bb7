package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;

/// `{% for target in items if condition recursive %}body{% else %}otherwise{% endfor %}`
///
/// What is behind `else` runs when the body never came to its end, also when that was for `break` or `continue`.
record Loop(
        Target target,
        Expression items,
        Optional<Expression> condition,
        boolean recursive,
        Statement body,
        Statement otherwise)
        implements Statement {

    @Override
    public Flow run(Scope scope, Output output) {
        return run(scope, output, items.value(scope), 0);
    }

    private Flow run(Scope scope, Output output, Object items, int depth) {
        Values.charged(scope, items);
        var state = new State(this, scope, chosen(scope, items), depth);
        boolean completed = false;
        while (state.next()) {
            scope.work().charge(1);
            Scope inner = scope.inner();
            target.assign(inner, state.current);
            inner.set("loop", state);
            Flow flow = body.run(inner, output);
            completed |= flow == Flow.NEXT;
            if (flow == Flow.BREAK) {
                break;
            }
        }
        return completed ? Flow.NEXT : otherwise.run(scope, output);
    }

    /// The items for which the condition holds, evaluated lazily.
    private Iterator<Object> chosen(Scope scope, Object items) {
        Iterator<Object> all = Values.iterator(items);
        if (condition.isEmpty()) {
            return all;
        }
        Iterable<Object> iterable = () -> all;
        return StreamSupport.stream(iterable.spliterator(), false)
                .filter(item -> {
                    scope.work().charge(1);
                    Scope inner = scope.inner();
                    target.assign(inner, item);
                    return Values.isTrue(condition.get().value(inner));
                })
                .iterator();
    }

    /// What `loop` is.
    static final class State implements Function, Members {

        private final Loop loop;
        private final Scope scope;
        private final int depth;
        private Iterator<Object> rest;
        private int index = -1;
        private long length = -1;
        private Object previous;
        private Object current;
        private Optional<List<Object>> changed = Optional.empty();

        /// Items that were looked at before their turn.
        private final List<Object> ahead = new ArrayList<>();

        private State(Loop loop, Scope scope, Iterator<Object> rest, int depth) {
            this.loop = loop;
            this.scope = scope;
            this.rest = rest;
            this.depth = depth;
        }

        private boolean next() {
            if (!hasNext()) {
                return false;
            }
            previous = current;
            current = ahead.isEmpty() ? rest.next() : ahead.removeFirst();
            index++;
            return true;
        }

        private boolean hasNext() {
            return !ahead.isEmpty() || rest.hasNext();
        }

        private Object peek() {
            if (!hasNext()) {
                return new Undefined("there is no next item");
            }
            if (ahead.isEmpty()) {
                ahead.add(rest.next());
            }
            return ahead.getFirst();
        }

        long length() {
            if (length < 0) {
                rest.forEachRemaining(ahead::add);
                length = index + 1L + ahead.size();
            }
            return length;
        }

        @Override
        public Object member(String name) {
            return switch (name) {
                case "index0" -> (Object) (long) index;
                case "index" -> index + 1L;
                case "first" -> index == 0;
                case "last" -> !hasNext();
                case "length" -> length();
                case "revindex" -> length() - index;
                case "revindex0" -> length() - index - 1;
                case "depth" -> depth + 1L;
                case "depth0" -> (long) depth;
                case "previtem" ->
                        index == 0 ? new Undefined("there is no previous item") : previous;
                case "nextitem" -> peek();
                case "cycle" -> (Function) (_, arguments) -> cycle(arguments);
                case "changed" -> (Function) (_, arguments) -> changed(arguments);
                default -> Undefined.member(this, name);
            };
        }

        private Object cycle(Arguments arguments) {
            if (arguments.count() == 0) {
                throw new TemplateException("'cycle' lacks items");
            }
            return arguments.get(index % arguments.count());
        }

        private Object changed(Arguments arguments) {
            boolean same =
                    changed.isPresent()
                            && Operators.equal(scope, changed.get(), arguments.positional());
            changed = Optional.of(arguments.positional());
            return !same;
        }

        /// `loop(items)` in a recursive loop: the loop over `items`, as a text.
        @Override
        public Object call(Scope caller, Arguments arguments) {
            if (!loop.recursive) {
                throw new TemplateException("a loop that is not recursive is called");
            }
            Object items = Signature.of("loop(iterable)").bind(arguments).get("iterable");
            var text = new Output(caller.work());
            loop.run(scope, text, items, depth + 1);
            return text.toString();
        }
    }
}
