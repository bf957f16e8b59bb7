package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// A Hugging Face model directory: `config.json` and the weights in one or many safetensors shards.
///
/// Tensors are mapped on request and belong to the caller's arena, so that a model larger than memory is
/// read a block at a time. Nothing is ever written here.
///
/// Of a packed checkpoint the tensors are those that it was packed from; its matrices are decoded when they are mapped,
/// or given as they are by [Matrices].
public final class Checkpoint implements AutoCloseable {

    /// The weights of a checkpoint with one shard.
    static final String SINGLE = "model.safetensors";

    /// Names the shard of each tensor.
    static final String INDEX = "model.safetensors.index.json";

    private final Path given;
    private final Path directory;
    private final List<Safetensors> shards = new ArrayList<>();
    private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();

    private boolean indexed;

    private Checkpoint(Path given) {
        this.given = given;
        this.directory = ModelDirectory.of(given);
    }

    /// Opens the checkpoint in `directory`, or in the snapshot that [ModelDirectory#of(Path)] finds there, and checks every
    /// header.
    ///
    /// @throws InvalidInputException when something is missing or does not fit together
    public static Checkpoint open(Path directory) {
        var checkpoint = new Checkpoint(directory);
        try {
            checkpoint.openShards();
            return checkpoint;
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }

    /// What it was opened by: its directory, a folder of the Hugging Face cache, or the GGUF file that it was imported from.
    public Path given() {
        return given;
    }

    /// The directory.
    public Path directory() {
        return directory;
    }

    /// The shards, in the order of their names.
    public List<Safetensors> shards() {
        return Collections.unmodifiableList(shards);
    }

    /// Whether an index file names the shards.
    boolean indexed() {
        return indexed;
    }

    /// Every tensor, shard by shard, in the order of the headers.
    public Collection<TensorInfo> tensors() {
        return tensors.values().stream().map(StoredTensor::info).toList();
    }

    /// What the header says of tensor `name`, if there is one.
    public Optional<TensorInfo> find(String name) {
        return Optional.ofNullable(tensors.get(name)).map(StoredTensor::info);
    }

    /// What the header says of tensor `name`.
    ///
    /// @throws InvalidInputException when there is no such tensor
    public TensorInfo info(String name) {
        return stored(name).info();
    }

    /// The file that holds tensor `name`.
    public Safetensors shardOf(String name) {
        return stored(name).shard();
    }

    /// Maps tensor `name` for reading, until `arena` closes. A packed one is decoded to memory of the arena.
    ///
    /// @throws InvalidInputException when there is no such tensor
    public TensorView map(String name, Arena arena) {
        return stored(name).map(arena);
    }

    /// Maps a matrix, or copies it where its rows do not follow each other, until `arena` closes.
    ///
    /// @return named as the tensor that it is in
    /// @throws InvalidInputException when there is no such tensor
    public TensorView map(MatrixView view, Arena arena) {
        return stored(view.tensor()).map(view, arena);
    }

    /// Reads tensor `name` into the system's page cache. Of a packed one nothing
    /// is read.
    ///
    /// @throws InvalidInputException when there is no such tensor, or it cannot be read
    public void readAhead(String name) {
        if (stored(name) instanceof PlainTensor(Safetensors shard, TensorInfo tensor)) {
            shard.readAhead(tensor);
        }
    }

    /// Bytes that tensor `name` takes in its file.
    ///
    /// @throws InvalidInputException when there is no such tensor
    public long bytes(String name) {
        return stored(name).bytes();
    }

    /// What linears were packed in; empty for a checkpoint that nobody packed.
    public Optional<ValueType> packedAs() {
        return PackedEncoding.of(shards.getFirst()).flatMap(PackedEncoding::values);
    }

    /// Checks that nobody packed it.
    ///
    /// @throws InvalidInputException when its linears are packed
    public void requireUnpacked() {
        if (packedAs().isPresent()) {
            throw new InvalidInputException(
                    directory + " is packed; unpack it first with wanda unpack");
        }
    }

    /// Whether its files are not those of an ordinary checkpoint: it was packed, or imported from a GGUF file with quantised matrices.
    boolean isEncoded() {
        return shards.stream().anyMatch(shard -> PackedEncoding.of(shard).isPresent());
    }

    /// The shard as it would be in an ordinary checkpoint.
    CheckpointBuilder.Shard ordinary(Safetensors shard) {
        return new CheckpointBuilder.Shard(
                String.valueOf(shard.path().getFileName()),
                PackedEncoding.unmark(shard.metadata()),
                tensors.values().stream()
                        .filter(tensor -> tensor.shard() == shard)
                        .map(StoredTensor::info)
                        .toList());
    }

    /// What is to be said of a copy of this checkpoint: its configuration leaves out what it has no ground for.
    public List<String> remarks() {
        return SidecarFiles.plain(directory.resolve(SidecarFiles.CONFIG)).isPresent()
                ? List.of(
                        "the weights are not quantised, so %s is left out of the output's config.json"
                                .formatted(SidecarFiles.QUANTISATION))
                : List.of();
    }

    /// Bytes of all weights' files.
    public long bytes() {
        return shards.stream().mapToLong(Safetensors::size).sum();
    }

    /// Bytes of all weights' files of a copy with other values ([CheckpointWriter]).
    public long copiedBytes() {
        Map<Safetensors, SafetensorsWriter.Layout> layouts = copiedLayouts();
        return layouts.isEmpty()
                ? bytes()
                : layouts.values().stream().mapToLong(SafetensorsWriter.Layout::bytes).sum();
    }

    /// How its shards lie in such a copy: where a GGUF file came with quantised matrices, as in an ordinary checkpoint; empty where they
    /// lie as here.
    Map<Safetensors, SafetensorsWriter.Layout> copiedLayouts() {
        Map<Safetensors, SafetensorsWriter.Layout> layouts = new HashMap<>();
        if (isEncoded() && packedAs().isEmpty()) {
            for (Safetensors shard : shards) {
                CheckpointBuilder.Shard ordinary = ordinary(shard);
                layouts.put(
                        shard,
                        new SafetensorsWriter.Layout(ordinary.metadata(), ordinary.tensors()));
            }
        }
        return layouts;
    }

    /// Names of the types that the weights' files hold, in the order of the tensors.
    public List<String> types() {
        return tensors.values().stream().map(StoredTensor::typeName).distinct().toList();
    }

    /// A digest of `config.json` and of every shard (name and content), in hexadecimal. Reads all of them.
    public String sha256() {
        try {
            MessageDigest digest = Sha256.begin();
            byte[] buffer = new byte[1 << 16];
            for (Path file : hashed()) {
                digest.update(String.valueOf(file.getFileName()).getBytes(StandardCharsets.UTF_8));
                try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
                    while (in.read(buffer) >= 0) {
                        // The digest sees what was read.
                    }
                }
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + directory + ": " + Reason.of(e), e);
        }
    }

    /// Identifies a file's content without reading it.
    ///
    /// @param modified when its content last changed
    public record FileState(String name, long bytes, String modified) {}

    /// `config.json` and every shard, as they are now.
    public List<FileState> files() {
        try {
            List<FileState> states = new ArrayList<>();
            for (Path file : hashed()) {
                states.add(
                        new FileState(
                                String.valueOf(file.getFileName()),
                                Files.size(file),
                                Files.getLastModifiedTime(file).toString()));
            }
            return states;
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + directory + ": " + Reason.of(e), e);
        }
    }

    private List<Path> hashed() {
        var files = new ArrayList<>(List.of(directory.resolve("config.json")));
        shards.forEach(shard -> files.add(shard.path()));
        return files;
    }

    @Override
    public void close() {
        shards.forEach(Safetensors::close);
    }

    StoredTensor stored(String name) {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new InvalidInputException(directory + ": there is no tensor " + name);
        }
        return tensor;
    }

    private void openShards() {
        Path index = directory.resolve(INDEX);
        if (Files.exists(directory.resolve(SINGLE))) {
            open(SINGLE); // Where there is an index too, transformers reads this one.
        } else if (Files.exists(index)) {
            indexed = true;
            openIndexed(index);
        } else {
            throw ModelDirectory.withoutWeights(directory);
        }
    }

    private void openIndexed(Path index) {
        Map<String, String> shardOf = readIndex(index);
        ModelDirectory.requireShards(index, shardOf.values());
        Map<String, Safetensors> files = new TreeMap<>();
        for (String file : new TreeSet<>(shardOf.values())) {
            files.put(file, open(file));
        }
        for (var entry : shardOf.entrySet()) {
            if (!files.get(entry.getValue()).contains(entry.getKey())) {
                throw new InvalidInputException(
                        index
                                + ": tensor "
                                + entry.getKey()
                                + " is not in "
                                + entry.getValue()
                                + ", where it should be");
            }
        }
    }

    private static Map<String, String> readIndex(Path index) {
        Map<String, String> shardOf = new LinkedHashMap<>();
        for (var entry : Json.read(index).path("weight_map").properties()) {
            JsonNode file = entry.getValue();
            if (!file.isString() || !isPlainName(file.asString())) {
                throw new InvalidInputException(
                        index
                                + ": "
                                + file
                                + " is not the name of a safetensors file in this directory");
            }
            shardOf.put(entry.getKey(), file.asString());
        }
        if (shardOf.isEmpty()) {
            throw new InvalidInputException(index + ": it has no weight_map");
        }
        return shardOf;
    }

    private static boolean isPlainName(String name) {
        return name.matches("[A-Za-z0-9][A-Za-z0-9._-]*(?i:\\.safetensors)");
    }

    private Safetensors open(String file) {
        Safetensors shard = Safetensors.open(directory.resolve(file));
        shards.add(shard);
        for (StoredTensor tensor : PackedEncoding.tensors(shard)) {
            StoredTensor other = tensors.putIfAbsent(tensor.info().name(), tensor);
            if (other != null) {
                throw new InvalidInputException(
                        directory
                                + ": tensor "
                                + tensor.info().name()
                                + " is in "
                                + file
                                + " and in "
                                + other.shard().path().getFileName());
            }
        }
        return shard;
    }
}
