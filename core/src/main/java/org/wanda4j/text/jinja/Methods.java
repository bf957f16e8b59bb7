package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Python's methods of texts, lists and maps, as far as they change nothing.
final class Methods {

    private Methods() {}

    /// Method `name` of `value`; null where it has none.
    static Function of(Object value, String name) {
        return switch (value) {
            case String text -> ofText(text, name);
            case Globals.Namespace _ -> null;
            case Map<?, ?> map -> ofMap(map, name);
            case List<?> list -> ofList(list, name);
            case null, default -> null;
        };
    }

    private static Function ofText(String text, String name) {
        return switch (name) {
            case "strip" -> (_, arguments) -> strip(text, arguments, true, true);
            case "lstrip" -> (_, arguments) -> strip(text, arguments, true, false);
            case "rstrip" -> (_, arguments) -> strip(text, arguments, false, true);
            case "startswith" ->
                    (_, arguments) ->
                            anyOf(arguments).stream().anyMatch(it -> text.startsWith((String) it));
            case "endswith" ->
                    (_, arguments) ->
                            anyOf(arguments).stream().anyMatch(it -> text.endsWith((String) it));
            case "split" -> (scope, arguments) -> split(scope, text, arguments);
            case "splitlines" -> (_, _) -> new ArrayList<Object>(text.lines().toList());
            case "replace", "upper", "lower", "title", "capitalize" ->
                    (scope, arguments) -> Filters.named(name).apply(scope, text, arguments);
            case "join" ->
                    (scope, arguments) -> Filters.join(scope, Values.items(arguments.get(0)), text);
            case "find" ->
                    (scope, arguments) -> {
                        Values.chargeSearch(scope, text, arguments.text(0));
                        return (long) text.indexOf(arguments.text(0));
                    };
            case "count" ->
                    (scope, arguments) -> Values.items(split(scope, text, arguments)).size() - 1L;
            case "isdigit" ->
                    (_, _) -> !text.isEmpty() && text.chars().allMatch(Character::isDigit);
            case "removeprefix" ->
                    (_, arguments) ->
                            text.startsWith(arguments.text(0))
                                    ? text.substring(arguments.text(0).length())
                                    : text;
            case "removesuffix" ->
                    (_, arguments) ->
                            text.endsWith(arguments.text(0))
                                    ? text.substring(0, text.length() - arguments.text(0).length())
                                    : text;
            default -> null;
        };
    }

    private static Function ofMap(Map<?, ?> map, String name) {
        return switch (name) {
            case "get" ->
                    (_, arguments) ->
                            arguments.get(0) instanceof String key && map.containsKey(key)
                                    ? map.get(key)
                                    : arguments.get(1, "default", null);
            case "items" -> (scope, _) -> Filters.named("items").apply(scope, map, Arguments.NONE);
            case "keys" -> (_, _) -> new ArrayList<Object>(map.keySet());
            case "values" -> (_, _) -> new ArrayList<Object>(map.values());
            default -> null;
        };
    }

    private static Function ofList(List<?> list, String name) {
        return switch (name) {
            case "count" ->
                    (scope, arguments) ->
                            list.stream()
                                    .filter(item -> Values.equal(scope, item, arguments.get(0)))
                                    .count();
            default -> null;
        };
    }

    /// The texts of an argument that is one or a list of them.
    private static List<Object> anyOf(Arguments arguments) {
        List<Object> texts =
                arguments.get(0) instanceof List<?> list
                        ? Values.items(list)
                        : List.<Object>of(arguments.text(0));
        if (!texts.stream().allMatch(String.class::isInstance)) {
            throw new TemplateException("a text is compared with something that is none");
        }
        return texts;
    }

    /// Takes white space, or the characters of the first argument, from the ends.
    private static String strip(String text, Arguments arguments, boolean left, boolean right) {
        Object given = arguments.get(0, "chars", null);
        int from = 0;
        int to = text.length();
        while (left && from < to && strips(given, text.charAt(from))) {
            from++;
        }
        while (right && to > from && strips(given, text.charAt(to - 1))) {
            to--;
        }
        return text.substring(from, to);
    }

    private static boolean strips(Object characters, char c) {
        return characters instanceof String given
                ? given.indexOf(c) >= 0
                : Character.isWhitespace(c) || Character.isSpaceChar(c);
    }

    private static Object split(Scope scope, String text, Arguments arguments) {
        Object given = arguments.get(0, "sep", null);
        long most = Values.whole(arguments.get(1, "maxsplit", -1L));
        List<Object> parts = new ArrayList<>();
        if (!(given instanceof String separator)) {
            String stripped = strip(text, Arguments.NONE, true, true);
            return stripped.isEmpty()
                    ? parts
                    : new ArrayList<Object>(List.of(stripped.split("\\s+")));
        }
        if (separator.isEmpty()) {
            throw new TemplateException("a text is split at nothing");
        }
        Values.chargeSearch(scope, text, separator);
        int from = 0;
        for (int at = text.indexOf(separator);
                at >= 0 && parts.size() != most;
                at = text.indexOf(separator, from)) {
            scope.budget().charge(1);
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }
}
