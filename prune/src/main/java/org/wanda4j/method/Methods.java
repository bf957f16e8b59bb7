package org.wanda4j.method;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.wanda4j.checkpoint.InvalidInputException;

/// The methods there are. A new one is a line here.
public final class Methods {

    private static final WeightUpdate NONE = new NoUpdate();
    private static final WeightUpdate OBS = new ObsUpdate();
    private static final WeightUpdate SPARSEGPT = new SparseGpt();

    private static final List<Method> ALL =
            new CopyOnWriteArrayList<>(
                    List.of(
                            new Method(
                                    "magnitude",
                                    "|W_ij|, lowest of the matrix",
                                    new Magnitude(),
                                    Selection.LAYER,
                                    NONE,
                                    "Han et al., 2015"),
                            new Method(
                                    "wanda",
                                    "|W_ij| * ||X_j||, lowest of each row",
                                    new Wanda(),
                                    Selection.ROW,
                                    NONE,
                                    "Sun et al., 2024"),
                            new Method(
                                    "wanda-variant",
                                    "|W_ij| * ||X_j||, lowest of each row up to a share of the row's sum",
                                    new Wanda(),
                                    Selection.CUMULATIVE_MASS,
                                    NONE,
                                    "Sun et al., 2024"),
                            new Method(
                                    "ria",
                                    "|W_ij| * (1/sum_i|W_ij| + 1/sum_j|W_ij|) * ||X_j||^0.5, lowest of each row; N:M with channels reordered",
                                    new Ria(),
                                    Selection.ROW,
                                    NONE,
                                    "Zhang et al., 2024"),
                            new Method(
                                    "sparsegpt",
                                    "|W_ij| / U_jj, lowest of 128 columns; columns to the right make up for it",
                                    new Obs(),
                                    Selection.LAYER,
                                    SPARSEGPT,
                                    "Frantar & Alistarh, 2023"),
                            new Method(
                                    "admm",
                                    "|W_ij| * ||X_j||, lowest of the matrix; 20 rounds of alternating directions",
                                    new Wanda(),
                                    Selection.LAYER,
                                    new Admm(20, 15, 0.1),
                                    "Boza, 2024"),
                            new Method(
                                    "ablate-mag-seq",
                                    "|W_ij|, lowest of the matrix; then SparseGPT's update",
                                    new Magnitude(),
                                    Selection.LAYER,
                                    OBS,
                                    "Sun et al., 2024, ablation"),
                            new Method(
                                    "ablate-wanda-seq",
                                    "|W_ij| * ||X_j||, lowest of each row; then SparseGPT's update",
                                    new WandaAblation(),
                                    Selection.ROW,
                                    OBS,
                                    "Sun et al., 2024, ablation"),
                            new Method(
                                    "ablate-mag-iter",
                                    "|W_ij|, lowest of 128 columns during SparseGPT's update",
                                    new Magnitude(),
                                    Selection.LAYER,
                                    SPARSEGPT,
                                    "Sun et al., 2024, ablation"),
                            new Method(
                                    "ablate-wanda-iter",
                                    "|W_ij| * ||X_j||, lowest of 128 columns during SparseGPT's update",
                                    new WandaAblation(),
                                    Selection.LAYER,
                                    SPARSEGPT,
                                    "Sun et al., 2024, ablation")));

    private Methods() {}

    /// In the order to list them in.
    public static List<Method> all() {
        return List.copyOf(ALL);
    }

    /// Adds a method, of an embedding program for instance.
    ///
    /// @throws IllegalArgumentException when there is one of that name
    public static void register(Method method) {
        synchronized (ALL) {
            if (ALL.stream().anyMatch(each -> each.name().equals(method.name()))) {
                throw new IllegalArgumentException("there is a method '" + method.name() + "'");
            }
            ALL.add(method);
        }
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
