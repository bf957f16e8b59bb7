package org.wanda4j.model.families;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.model.Architecture;

/// Whether a checkpoint has the tensors that an architecture reads; where it has not, why that may be.
///
/// @param config its `config.json`
record TensorCheck(Checkpoint checkpoint, ModelConfig config, Architecture architecture) {

    /// What the names of a block's tensors begin with.
    private static final Pattern BLOCK =
            Pattern.compile("((?:.*?\\.|)(?:layers|h)\\.)(\\d{1,9})\\.");

    /// Masks and frequencies that older versions of transformers saved beside the weights.
    private static final Pattern BUFFER =
            Pattern.compile(
                    ".*\\.(attn|attention|self_attention)\\.(masked_)?bias|.*\\.rotary_emb\\.inv_freq");

    /// What GPTQ, AWQ, bitsandbytes, compressed-tensors and FP8 checkpoints have in place of a matrix or beside it.
    private static final Pattern QUANTISED =
            Pattern.compile(
                    ".*\\.(qweight|qzeros|weight_packed|weight_scale|weight_scale_inv|SCB|absmax|quant_map)");

    /// @throws InvalidInputException for the first tensor that is missing, of another shape or no weight, for the first of a
    ///     block that is not read, and when there are more blocks than described
    void run() {
        Map<String, List<Long>> described = architecture.tensors();
        described.forEach(this::check);
        Set<String> blocks =
                described.keySet().stream()
                        .flatMap(name -> block(name).map(Matcher::group))
                        .collect(Collectors.toUnmodifiableSet());
        checkpoint.tensors().stream()
                .map(TensorInfo::name)
                .filter(name ->
                        name.endsWith(".weight")
                                || name.endsWith(".bias")
                                || QUANTISED.matcher(name).matches())
                .filter(name -> !described.containsKey(name) && !BUFFER.matcher(name).matches())
                .filter(name -> block(name).map(Matcher::group).anyMatch(blocks::contains))
                .findFirst()
                .ifPresent(name -> {
                    throw unfit(
                            "tensor %s is none of a %s as config.json describes it: an entry may be missing there"
                                    .formatted(name, architecture.family()));
                });
        checkBlocks(described.keySet());
    }

    /// A block for the prediction of further tokens may follow the decoder's; other further ones are the decoder's own.
    private void checkBlocks(Set<String> described) {
        Set<String> places =
                described.stream()
                        .flatMap(name -> block(name).map(block -> block.group(1)))
                        .collect(Collectors.toUnmodifiableSet());
        long blocks =
                checkpoint.tensors().stream()
                        .flatMap(tensor -> block(tensor.name()))
                        .filter(block -> places.contains(block.group(1)))
                        .map(block -> block.group(2))
                        .distinct()
                        .count();
        int expected = architecture.blocks().size();
        if (blocks > expected + config.decoder().count("num_nextn_predict_layers", 0)) {
            throw unfit(
                    "the checkpoint has %d blocks, but config.json describes %d: correct the number there"
                            .formatted(blocks, expected));
        }
    }

    private static Stream<Matcher> block(String tensor) {
        Matcher block = BLOCK.matcher(tensor);
        return block.lookingAt() ? Stream.of(block) : Stream.empty();
    }

    private void check(String name, List<Long> shape) {
        Optional<TensorInfo> found = checkpoint.find(name);
        if (found.isEmpty() && isLeftOut(name)) {
            return;
        }
        TensorInfo tensor =
                found.orElseThrow(() -> unfit("there is no tensor " + name + hint(name)));
        if (!tensor.shape().equals(shape)) {
            throw unfit(
                    "tensor %s has shape %s, but config.json asks for %s"
                            .formatted(name, tensor.shape(), shape));
        }
        if (!tensor.type().isWeight()) {
            throw unfit(
                    "tensor %s is %s; bf16, fp16 and fp32 weights are supported"
                            .formatted(name, tensor.type()));
        }
    }

    private InvalidInputException unfit(String what) {
        String reason =
                quantisation()
                        .map(kind ->
                                "the weights are quantised ("
                                        + kind
                                        + "); bf16, fp16 and fp32 weights are supported:"
                                        + " take the model that it was made from")
                        .orElse(what);
        return new InvalidInputException(checkpoint.directory() + ": " + reason);
    }

    /// Whether a tensor is the head of a model that was saved without one, as embedding models are: then the names of the others
    /// have no prefix either. It can be pruned; reading its logits is an error.
    private boolean isLeftOut(String name) {
        String tokens = architecture.embedding().tokens();
        return name.equals(architecture.head().table())
                && tokens.indexOf('.') == tokens.lastIndexOf('.');
    }

    /// Why a tensor may be missing.
    private String hint(String name) {
        return name.equals(architecture.head().table())
                ? ", and config.json does not tie the head to the embedding: the checkpoint is incomplete,"
                        + " or tie_word_embeddings should be true"
                : "";
    }

    /// By what the weights are quantised, as `config.json` or a tensor says it; empty where the tensors are plain, whatever
    /// `config.json` says.
    private Optional<String> quantisation() {
        Optional<String> sign =
                checkpoint.tensors().stream()
                        .filter(TensorCheck::isQuantised)
                        .map(tensor -> "tensor " + tensor.name() + " is " + tensor.type())
                        .findFirst();
        boolean plain =
                architecture.tensors().keySet().stream()
                        .flatMap(name -> checkpoint.find(name).stream())
                        .allMatch(tensor -> tensor.type().isWeight());
        if ((sign.isEmpty() && plain) || !config.has("quantization_config")) {
            return sign;
        }
        String method = config.object("quantization_config").text("quant_method", "");
        return Optional.of(method.isEmpty() ? "quantization_config" : method);
    }

    private static boolean isQuantised(TensorInfo tensor) {
        return QUANTISED.matcher(tensor.name()).matches()
                || tensor.type() == DType.F8_E4M3
                || tensor.type() == DType.F8_E5M2;
    }
}
