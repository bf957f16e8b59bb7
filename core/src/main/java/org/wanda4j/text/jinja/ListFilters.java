package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/// Filters that take lists apart or make them.
final class ListFilters {

    private ListFilters() {}

    static void addTo(NamedOperations<Object> filters) {
        filters.add("list()", (_, value, _) -> new ArrayList<>(Values.items(value)))
                .add("first()", (_, value, _) -> first(Values.iterator(value)))
                .add(
                        "last()",
                        (_, value, _) -> first(Values.items(sized(value)).reversed().iterator()))
                .add("reverse()", (_, value, _) -> reversed(value))
                .add("items()", (_, value, _) -> items(value))
                .add("join(d=, attribute=)", ListFilters::join)
                .add("sort(reverse=, case_sensitive=, attribute=)", ListFilters::sort)
                .add("dictsort(case_sensitive=, by=, reverse=)", ListFilters::dictSort)
                .add(
                        "min(case_sensitive=, attribute=)",
                        (scope, value, given) -> most(scope, value, given, -1))
                .add(
                        "max(case_sensitive=, attribute=)",
                        (scope, value, given) -> most(scope, value, given, 1))
                .add("sum(attribute=, start=)", ListFilters::sum)
                .add("unique(case_sensitive=, attribute=)", ListFilters::unique)
                .add("groupby(attribute, default=, case_sensitive=)", ListFilters::groupBy)
                .add("batch(linecount, fill_with=)", ListFilters::batch)
                .add("slice(slices, fill_with=)", ListFilters::slice)
                .add("map(*)", ListFilters::map)
                .add("select(*)", (scope, value, given) -> select(scope, value, given, false, true))
                .add(
                        "reject(*)",
                        (scope, value, given) -> select(scope, value, given, false, false))
                .add(
                        "selectattr(*)",
                        (scope, value, given) -> select(scope, value, given, true, true))
                .add(
                        "rejectattr(*)",
                        (scope, value, given) -> select(scope, value, given, true, false));
    }

    private static Object first(Iterator<Object> items) {
        return items.hasNext()
                ? items.next()
                : new Undefined("an item of an empty list is undefined");
    }

    /// `value`, which must have an end that can be looked at first.
    private static Object sized(Object value) {
        if (value instanceof Generator) {
            throw new TemplateException("'generator' object is not reversible");
        }
        return value;
    }

    private static Object reversed(Object value) {
        if (value instanceof String text) {
            return new StringBuilder(text).reverse().toString();
        }
        if (value instanceof Markup) {
            throw new TemplateException("'reverse' of a text marked as safe is not supported");
        }
        List<Object> reversed = Values.items(value).reversed();
        return value instanceof Generator ? reversed : new Generator(reversed.iterator());
    }

    private static Object items(Object value) {
        return switch (value) {
            case Undefined _ -> new Generator(Collections.emptyIterator());
            case Map<?, ?> map -> new Generator(BuiltinMethods.entries(map).iterator());
            case null, default ->
                    throw new TemplateException("'items' of something that is no map");
        };
    }

    /// How an item is looked at: itself or its `attribute`, and as lower case where case does not count.
    private static UnaryOperator<Object> key(Scope scope, Arguments given) {
        return key(
                scope,
                given.get("attribute"),
                given.get("default"),
                given.isTrue("case_sensitive"));
    }

    private static UnaryOperator<Object> key(
            Scope scope, Object attribute, Object fallback, boolean exact) {
        return item -> {
            scope.work().charge(1);
            Object key = attribute == null ? item : Lookup.path(scope, item, attribute, fallback);
            return !exact && key instanceof String text ? Texts.lower(text) : key;
        };
    }

    private static Object join(Scope scope, Object value, Arguments given) {
        Object attribute = given.get("attribute");
        List<Object> items =
                Values.items(value).stream()
                        .map(item ->
                                attribute == null
                                        ? item
                                        : Lookup.path(scope, item, attribute, null))
                        .toList();
        return Texts.joined(scope, items, Values.text(scope, given.get("d", "")));
    }

    private static List<Object> sorted(
            Scope scope, List<Object> items, UnaryOperator<Object> key, boolean reverse) {
        Comparator<Object[]> order = (left, right) -> Operators.order(scope, left[0], right[0]);
        return new ArrayList<>(
                items.stream()
                        .map(item -> new Object[] {key.apply(item), item})
                        .sorted(reverse ? order.reversed() : order)
                        .map(pair -> pair[1])
                        .toList());
    }

    /// By a list of keys, as Jinja does, so that two that are undefined are equal.
    private static Object sort(Scope scope, Object value, Arguments given) {
        boolean exact = given.isTrue("case_sensitive");
        Object attribute = given.get("attribute");
        List<UnaryOperator<Object>> keys = new ArrayList<>();
        if (attribute instanceof String names) {
            for (String name : names.split(",", -1)) {
                keys.add(key(scope, name, null, exact));
            }
        } else {
            keys.add(key(scope, attribute, null, exact));
        }
        UnaryOperator<Object> all = item -> keys.stream().map(key -> key.apply(item)).toList();
        return sorted(scope, Values.items(value), all, given.isTrue("reverse"));
    }

    private static Object dictSort(Scope scope, Object value, Arguments given) {
        if (!(value instanceof Map<?, ?> map)) {
            throw new TemplateException("'dictsort' of something that is no map");
        }
        Object place =
                switch (given.text("by", "key")) {
                    case "key" -> 0L;
                    case "value" -> 1L;
                    default -> throw new TemplateException("'dictsort' is by 'key' or 'value'");
                };
        UnaryOperator<Object> key = key(scope, place, null, given.isTrue("case_sensitive"));
        return sorted(scope, BuiltinMethods.entries(map), key, given.isTrue("reverse"));
    }

    private static Object most(Scope scope, Object value, Arguments given, int sign) {
        UnaryOperator<Object> key = key(scope, given);
        Iterator<Object> items = Values.iterator(value);
        Object most = first(items);
        while (items.hasNext()) {
            Object item = items.next();
            int order = Operators.order(scope, key.apply(item), key.apply(most));
            most = Integer.signum(order) == sign ? item : most;
        }
        return most;
    }

    private static Object sum(Scope scope, Object value, Arguments given) {
        Object sum = given.get("start", 0L);
        if (sum instanceof String) {
            throw new TemplateException("'sum' of texts");
        }
        for (Object item : Values.items(value)) {
            Object addend =
                    given.get("attribute") == null
                            ? item
                            : Lookup.path(scope, item, given.get("attribute"), null);
            sum = Values.charged(scope, Operators.calculate(scope, "+", sum, addend));
        }
        return sum;
    }

    private static Object unique(Scope scope, Object value, Arguments given) {
        UnaryOperator<Object> key = key(scope, given);
        Set<Object> seen = new HashSet<>();
        return generator(stream(value).filter(item -> seen.add(Values.key(key.apply(item)))));
    }

    private static Object groupBy(Scope scope, Object value, Arguments given) {
        UnaryOperator<Object> key = key(scope, given);
        UnaryOperator<Object> shown =
                key(scope, given.get("attribute"), given.get("default"), true);
        List<Object> groups = new ArrayList<>();
        List<Object> group = new ArrayList<>();
        for (Object item : sorted(scope, Values.items(value), key, false)) {
            if (group.isEmpty()
                    || !Operators.equal(scope, key.apply(item), key.apply(group.getFirst()))) {
                group = new ArrayList<>();
                groups.add(Tuple.group(shown.apply(item), group));
            }
            group.add(item);
        }
        return groups;
    }

    private static Object batch(Scope scope, Object value, Arguments given) {
        long size = given.whole("linecount", 0);
        List<Object> batches = new ArrayList<>();
        List<Object> batch = new ArrayList<>();
        for (Object item : Values.items(value)) {
            if (batch.size() == size) {
                batches.add(batch);
                batch = new ArrayList<>();
            }
            batch.add(item);
        }
        fill(scope, batch, batch.isEmpty() ? 0 : size, given);
        if (!batch.isEmpty()) {
            batches.add(batch);
        }
        return new Generator(batches.iterator());
    }

    private static Object slice(Scope scope, Object value, Arguments given) {
        List<Object> items = Values.items(value);
        long slices = given.whole("slices", 0);
        if (slices <= 0) {
            throw new TemplateException("'slice' into no parts");
        }
        scope.work().charge(WorkLimit.ITEM * Math.min(slices, Integer.MAX_VALUE));
        int each = (int) (items.size() / slices);
        long longer = items.size() % slices;
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < slices; i++) {
            int to = from + each + (i < longer ? 1 : 0);
            List<Object> part = new ArrayList<>(items.subList(from, to));
            fill(scope, part, i < longer ? 0 : each + 1, given);
            parts.add(part);
            from = to;
        }
        return new Generator(parts.iterator());
    }

    private static void fill(Scope scope, List<Object> items, long size, Arguments given) {
        while (given.get("fill_with") != null && items.size() < size) {
            scope.work().charge(WorkLimit.ITEM);
            items.add(given.get("fill_with"));
        }
    }

    /// `map('filter')`, or `map(attribute='name', default=value)`.
    private static Object map(Scope scope, Object value, Arguments given) {
        if (given.count() == 0 && given.has("attribute")) {
            Arguments how = Signature.of("map(attribute, default=)").bind(given);
            return generator(
                    stream(value)
                            .map(item -> {
                                scope.work().charge(1);
                                return Lookup.path(
                                        scope, item, how.get("attribute"), how.get("default"));
                            }));
        }
        return generator(
                stream(value)
                        .map(item ->
                                Filters.apply(
                                        scope, Values.string(given.get(0)), item, given.from(1))));
    }

    /// `select('test', argument)`, or `selectattr('name', 'test', argument)`.
    private static Object select(
            Scope scope, Object value, Arguments given, boolean byAttribute, boolean wanted) {
        int test = byAttribute ? 1 : 0;
        return generator(
                stream(value)
                        .filter(item -> {
                            scope.work().charge(1);
                            Object looked =
                                    byAttribute
                                            ? Lookup.path(scope, item, given.get(0), null)
                                            : item;
                            boolean holds =
                                    given.count() <= test
                                            ? Values.isTrue(looked)
                                            : Tests.holds(
                                                    scope,
                                                    Values.string(given.get(test)),
                                                    looked,
                                                    given.from(test + 1));
                            return holds == wanted;
                        }));
    }

    private static Stream<Object> stream(Object value) {
        Iterator<Object> items = Values.iterator(value);
        Iterable<Object> all = () -> items;
        return StreamSupport.stream(all.spliterator(), false);
    }

    private static Generator generator(Stream<Object> items) {
        return new Generator(items.iterator());
    }
}
