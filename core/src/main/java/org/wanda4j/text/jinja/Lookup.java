package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What stands behind a value's point, or in brackets behind it.
final class Lookup {

    private Lookup() {}

    /// `value.name`: a method or another attribute, or else an entry.
    static Object attribute(Object value, String name) {
        Object attribute = pureAttribute(value, name);
        return attribute instanceof Undefined
                        && value instanceof Map<?, ?> map
                        && !BuiltinMethods.isRefused(name)
                        && map.containsKey(name)
                ? map.get(name)
                : attribute;
    }

    /// `value|attr(name)`: no entry.
    static Object pureAttribute(Object value, String name) {
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
        if (value instanceof Members members && !(members.member(name) instanceof Undefined)) {
            return members.member(name);
        }
        return BuiltinMethods.of(value, name)
                .<Object>map(method -> method)
                .orElseGet(() -> Undefined.member(value, name));
    }

    /// `value[key]`: an item, or else an attribute.
    static Object item(Scope scope, Object value, Object key) {
        return switch (value) {
            case Undefined undefined -> throw undefined.error();
            case Map<?, ?> map when Values.isHashable(key) && map.containsKey(Values.key(key)) ->
                    map.get(Values.key(key));
            case List<?> list when key instanceof Long || key instanceof Boolean -> {
                long index = Numbers.whole(key);
                long place = index < 0 ? index + list.size() : index;
                yield place >= 0 && place < list.size()
                        ? list.get((int) place)
                        : Undefined.member(value, key);
            }
            case String text when key instanceof Long || key instanceof Boolean ->
                    item(scope, Values.items(Values.charged(scope, text)), key);
            case Markup _ when key instanceof Long || key instanceof Boolean ->
                    throw new TemplateException("a character of a text marked as safe");
            case null, default ->
                    key instanceof String name
                            ? pureAttribute(value, name)
                            : Undefined.member(value, key);
        };
    }

    /// The item of `value` at `path`: names or places with points between them.
    ///
    /// @param fallback for what is not there; null for none
    static Object path(Scope scope, Object value, Object path, Object fallback) {
        List<Object> steps = new ArrayList<>();
        if (path instanceof String names) {
            for (String name : names.split("\\.", -1)) {
                boolean isPlace = !name.isEmpty() && name.chars().allMatch(Character::isDigit);
                steps.add(isPlace ? Numbers.parseWhole(name, 10).orElseThrow() : name);
            }
        } else {
            steps.add(path);
        }
        Object item = value;
        for (Object step : steps) {
            item = item(scope, item, step);
            item = item instanceof Undefined && fallback != null ? fallback : item;
        }
        return item;
    }

    /// `value[from:to:step]`; a bound that is absent is null.
    static Object slice(Object value, Object from, Object to, Object step) {
        return switch (value) {
            case String text -> {
                var slice = new StringBuilder();
                List<Object> characters = Values.items(text);
                Slice.of(characters, from, to, step).in(characters).forEach(slice::append);
                yield slice.toString();
            }
            case Range range -> {
                Slice slice = Slice.of(range, from, to, step);
                yield range.part(slice.start(), slice.end(), slice.step());
            }
            case Tuple tuple -> Tuple.of(Slice.of(tuple, from, to, step).in(tuple));
            case List<?> list -> Slice.of(list, from, to, step).in(list);
            case Undefined undefined -> throw undefined.error();
            case null, default ->
                    throw new TemplateException(
                            "a slice of a value of type '" + Values.type(value) + "'");
        };
    }

    /// Places of a list: from `start` on, before `end`, or behind it where `step` goes back.
    private record Slice(long start, long end, long step) {

        static Slice of(List<?> list, Object from, Object to, Object step) {
            int size = list.size();
            long stride = step == null ? 1 : Math.clamp(Numbers.whole(step), -size - 1L, size + 1L);
            if (stride == 0) {
                throw new TemplateException("a slice has step 0");
            }
            long first = stride > 0 ? 0 : -1;
            long last = stride > 0 ? size : size - 1L;
            return new Slice(
                    from == null ? (stride > 0 ? 0 : last) : clamp(from, size, first, last),
                    to == null ? (stride > 0 ? size : -1) : clamp(to, size, first, last),
                    stride);
        }

        private static long clamp(Object bound, int size, long first, long last) {
            long place = Numbers.whole(bound);
            return Math.clamp(place < 0 ? place + size : place, first, last);
        }

        List<Object> in(List<?> list) {
            List<Object> items = new ArrayList<>();
            for (long i = start; step > 0 ? i < end : i > end; i += step) {
                items.add(list.get((int) i));
            }
            return items;
        }
    }
}
