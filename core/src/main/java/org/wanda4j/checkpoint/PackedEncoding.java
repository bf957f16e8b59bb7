package org.wanda4j.checkpoint;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// How a shard says that its matrices are packed, and what their parts are called; `docs/packed.md` defines it.
///
/// @param values the type that linears were packed in, and in versions 1 and 2 of all packed values; empty where nobody has packed them: in
///     version 4
/// @param version 1, or 2 where a tensor is 3-D or transposed, or 3 where the elements of a tensor's values say their type, or 4 where
///     scales are in fp16
record PackedEncoding(Optional<ValueType> values, int version) {

    /// Of matrices that were quantised in the file which they come from.
    static final PackedEncoding IMPORTED = new PackedEncoding(Optional.empty(), 4);

    static final String VALUES = ".compressed";
    static final String SCALES = ".scales";
    static final String BITMASK = ".bitmask";
    static final String ROW_OFFSETS = ".row_offsets";
    static final String SHAPE = ".shape";
    static final String TRANSPOSED = ".transposed";

    /// Begins every entry of the header's metadata that is ours.
    private static final String PREFIX = "wanda.";

    private static final String NAME_KEY = PREFIX + "encoding";
    private static final String VERSION_KEY = PREFIX + "encoding.version";
    private static final String VALUES_KEY = PREFIX + "values";

    /// Value of the metadata `format`. With `pt`, transformers would look for the model's tensors, find none of the packed ones and
    /// use random matrices; it refuses an unknown value.
    private static final String FORMAT_KEY = "format";

    private static final String FORMAT = "wanda";

    /// What the model's own shard says under [#FORMAT_KEY].
    private static final String SOURCE_FORMAT_KEY = PREFIX + "format";

    private static final String NAME = "bitmask";
    private static final int LATEST_VERSION = 4;
    private static final List<String> PARTS =
            List.of(SCALES, BITMASK, ROW_OFFSETS, SHAPE, TRANSPOSED);

    /// The encoding that the header of `shard` names, if it names one.
    ///
    /// @throws InvalidInputException when it is not known here
    static Optional<PackedEncoding> of(Safetensors shard) {
        Map<String, String> metadata = shard.metadata();
        if (!metadata.containsKey(NAME_KEY)) {
            return Optional.empty();
        }
        String version = String.valueOf(metadata.get(VERSION_KEY));
        if (!metadata.get(NAME_KEY).equals(NAME)
                || !version.matches("[1-" + LATEST_VERSION + "]")) {
            throw shard.invalid(
                    "its encoding is %s, version %s; this program reads %s, versions 1 to %d"
                            .formatted(metadata.get(NAME_KEY), version, NAME, LATEST_VERSION));
        }
        if (version.equals(String.valueOf(IMPORTED.version))) {
            return Optional.of(IMPORTED);
        }
        String label = String.valueOf(metadata.get(VALUES_KEY));
        return Optional.of(
                ValueType.of(label)
                        .filter(ValueType::isPacked)
                        .map(type ->
                                new PackedEncoding(Optional.of(type), Integer.parseInt(version)))
                        .orElseThrow(() ->
                                shard.invalid(
                                        "its values are of type "
                                                + label
                                                + "; bf16, int8 and int4 are known here")));
    }

    /// The types that packed values may have, told apart by [#elements(ValueType)].
    List<ValueType> types() {
        return switch (version) {
            case 1, 2 -> List.of(values.orElseThrow());
            case 3 -> List.of(ValueType.BF16, ValueType.INT8, ValueType.INT4);
            default -> List.of(ValueType.Q8_0, ValueType.Q4_0);
        };
    }

    /// How values of a type are stored in a safetensors file.
    static DType elements(ValueType type) {
        return switch (type) {
            case INT8, Q8_0 -> DType.I8;
            case INT4, Q4_0 -> DType.U8;
            default -> DType.BF16;
        };
    }

    /// The tensors that `shard` stands for, in the order of its header.
    ///
    /// @throws InvalidInputException when the parts of one do not fit together
    static Collection<StoredTensor> tensors(Safetensors shard) {
        Optional<PackedEncoding> encoding = of(shard);
        List<StoredTensor> tensors = new ArrayList<>();
        for (TensorInfo tensor : shard.tensors()) {
            if (encoding.isPresent() && tensor.name().endsWith(VALUES)) {
                tensors.add(PackedTensor.of(shard, base(tensor.name()), encoding.get()));
            } else if (encoding.isEmpty() || !isPart(tensor.name(), shard)) {
                tensors.add(new PlainTensor(shard, tensor));
            }
        }
        return tensors;
    }

    private static boolean isPart(String name, Safetensors shard) {
        return PARTS.stream().anyMatch(name::endsWith) && shard.contains(base(name) + VALUES);
    }

    private static String base(String name) {
        return name.substring(0, name.lastIndexOf('.'));
    }

    /// The metadata of a packed copy of a shard that has `metadata`.
    Map<String, String> mark(Map<String, String> metadata) {
        Map<String, String> marked = new LinkedHashMap<>(metadata);
        String format = marked.put(FORMAT_KEY, FORMAT);
        if (format != null) {
            marked.put(SOURCE_FORMAT_KEY, format);
        }
        marked.put(NAME_KEY, NAME);
        marked.put(VERSION_KEY, String.valueOf(version));
        values.ifPresent(type -> marked.put(VALUES_KEY, type.label()));
        return marked;
    }

    /// The metadata without what [#mark(Map)] puts there.
    static Map<String, String> unmark(Map<String, String> metadata) {
        Map<String, String> plain = new LinkedHashMap<>(metadata);
        plain.remove(FORMAT_KEY, FORMAT);
        if (plain.containsKey(SOURCE_FORMAT_KEY)) {
            plain.put(FORMAT_KEY, plain.get(SOURCE_FORMAT_KEY));
        }
        plain.keySet().removeIf(key -> key.startsWith(PREFIX));
        return plain;
    }
}
