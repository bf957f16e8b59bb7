package org.wanda4j.prune;

import java.util.List;
import java.util.stream.Collectors;
import org.wanda4j.checkpoint.InvalidInputException;

/// The methods there are. A new one is a line here.
public final class Methods {

    private static final List<Method> ALL =
            List.of(
                    new Method(
                            "magnitude",
                            "|W_ij|, lowest of the matrix",
                            new Magnitude(),
                            Selection.LAYER),
                    new Method(
                            "wanda",
                            "|W_ij| * ||X_j||_2, lowest of each row",
                            new Wanda(),
                            Selection.ROW),
                    new Method(
                            "wanda-variant",
                            "|W_ij| * ||X_j||_2, lowest of each row up to a share of the row's sum",
                            new Wanda(),
                            Selection.CUMULATIVE_MASS));

    private Methods() {}

    /// In the order to list them in.
    public static List<Method> all() {
        return ALL;
    }

    /// @throws InvalidInputException naming the methods there are when `name` is not one of them
    public static Method named(String name) {
        return ALL.stream()
                .filter(method -> method.name().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new InvalidInputException(
                                "there is no method '"
                                        + name
                                        + "'; there are "
                                        + ALL.stream()
                                                .map(Method::name)
                                                .collect(Collectors.joining(", "))));
    }
}
