package org.wanda4j.prune;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// In which fields two JSON documents differ, for people: `sparsity was 0.5, is 0.6`.
public final class Differences {

    private final List<String> found = new ArrayList<>();

    private Differences() {}

    /// One sentence for each field that differs.
    public static List<String> between(JsonNode then, JsonNode now) {
        var differences = new Differences();
        differences.compare("", then, now);
        return differences.found;
    }

    /// `value` as it would be read.
    public static JsonNode tree(Record value) {
        return Json.parse(Json.write(value).getBytes(StandardCharsets.UTF_8), "");
    }

    private void compare(String place, JsonNode then, JsonNode now) {
        if (then.isObject() && now.isObject()) {
            var names = new TreeSet<>(then.propertyNames());
            names.addAll(now.propertyNames());
            for (String name : names) {
                compare(
                        place.isEmpty() ? name : place + "." + name,
                        then.path(name),
                        now.path(name));
            }
        } else if (!then.equals(now)) {
            found.add("%s was %s, is %s".formatted(place, text(then), text(now)));
        }
    }

    private static String text(JsonNode value) {
        return value.isMissingNode() ? "not there" : value.toString();
    }
}
