package org.wanda4j.model.families;

import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import tools.jackson.databind.node.ObjectNode;

/// The supported families, by the `model_type` of their `config.json`.
public final class Families {

    /// Most blocks of a configuration without weights.
    private static final int MOST_BLOCKS = 1000;

    /// How long the beginning is that two names have in common before one is called near the other.
    private static final int NEAR = 3;

    private static final Map<String, Family> BY_TYPE = new ConcurrentHashMap<>(BuiltIn.families());

    private Families() {}

    /// Every supported `model_type`, in alphabetical order.
    public static SortedSet<String> supported() {
        return Collections.unmodifiableSortedSet(new TreeSet<>(BY_TYPE.keySet()));
    }

    /// Adds a family.
    ///
    /// @param modelType the `model_type` of its `config.json`
    /// @throws IllegalArgumentException when there is one of this name
    public static void register(String modelType, Family family) {
        if (BY_TYPE.putIfAbsent(modelType, family) != null) {
            throw new IllegalArgumentException("there is a family " + modelType);
        }
    }

    /// The architecture of the model that `checkpoint` holds, checked against its tensors.
    ///
    /// @throws InvalidInputException when the family is not supported, or a tensor is missing or has another shape
    public static Architecture describe(Checkpoint checkpoint) {
        ModelConfig config = ModelConfig.read(checkpoint.directory());
        Architecture architecture = describe(config, checkpoint);
        new TensorCheck(checkpoint, config, architecture).run();
        return architecture;
    }

    /// The same, not checked against the tensors.
    static Architecture describe(ModelConfig config, Checkpoint checkpoint) {
        int tensors = checkpoint.tensors().size();
        return describe(
                family(config),
                config,
                TensorNames.of(checkpoint),
                tensors,
                "but the checkpoint has only " + tensors + " tensors");
    }

    /// The architecture that the `config.json` in `directory` describes, whether there are weights or not.
    ///
    /// @throws InvalidInputException when it is missing, or the family is not supported
    public static Architecture describe(Path directory) {
        ModelConfig config = ModelConfig.read(directory);
        return describe(
                family(config),
                config,
                TensorNames.unknown(),
                MOST_BLOCKS,
                "which is more than " + MOST_BLOCKS);
    }

    /// The architecture that a `config.json` describes which is made of `file`.
    ///
    /// @param config the `config.json`
    /// @param file what an error names
    /// @param tensors how many the model has at the most
    public static Architecture describe(ObjectNode config, Path file, int tensors) {
        ModelConfig read = ModelConfig.of(config, file);
        return describe(
                family(read),
                read,
                TensorNames.unknown(),
                tensors,
                "but the file has only " + tensors + " tensors");
    }

    /// Blocks are counted before they are made: a family that makes one object for each shall not make two thousand million.
    private static Architecture describe(
            Family family, ModelConfig config, TensorNames names, int most, String why) {
        ModelConfig bounded = config.bounded(most, why);
        Architecture architecture = family.describe(bounded, names);
        bounded.refuseUnread(architecture.family());
        return architecture;
    }

    private static Family family(ModelConfig config) {
        String type = config.text("model_type", "");
        Family family = BY_TYPE.get(type);
        if (family == null) {
            throw unsupported(config, type);
        }
        return family;
    }

    private static InvalidInputException unsupported(ModelConfig config, String type) {
        String all = "supported: " + String.join(", ", supported());
        if (type.isEmpty()) {
            return config.invalid("model_type", "is missing; " + all);
        }
        return config.invalid(
                "model_type",
                "'%s' is not supported%s; %s"
                        .formatted(
                                type,
                                nearest(type)
                                        .map(near -> " (the nearest that is: " + near + ")")
                                        .orElse(""),
                                all));
    }

    /// The supported name that begins most like `type`, and of these the shortest.
    private static Optional<String> nearest(String type) {
        return supported().stream()
                .filter(name -> common(name, type) >= NEAR)
                .max(
                        Comparator.<String>comparingInt(name -> common(name, type))
                                .thenComparing(Comparator.comparingInt(String::length).reversed()));
    }

    private static int common(String some, String other) {
        int length = 0;
        while (length < Math.min(some.length(), other.length())
                && some.charAt(length) == other.charAt(length)) {
            length++;
        }
        return length;
    }
}
