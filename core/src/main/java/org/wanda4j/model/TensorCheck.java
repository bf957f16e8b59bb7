package org.wanda4j.model;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorInfo;

/// Whether a checkpoint has the tensors that an architecture reads; where it has not, why that may be.
///
/// @param config its `config.json`
record TensorCheck(Checkpoint checkpoint, ModelConfig config, Architecture architecture) {

    private static final String PREFIX = "model.";

    /// What GPTQ, AWQ, bitsandbytes, compressed-tensors and FP8 checkpoints have in place of a matrix or beside it.
    private static final Pattern QUANTISED =
            Pattern.compile(
                    ".*\\.(qweight|qzeros|weight_packed|weight_scale|weight_scale_inv|SCB|absmax|quant_map)");

    /// @throws InvalidInputException for the first tensor that is missing, of another shape or no weight
    void run() {
        architecture.tensors().forEach(this::check);
    }

    private void check(String name, List<Long> shape) {
        TensorInfo tensor =
                checkpoint
                        .find(name)
                        .orElseThrow(() -> unfit("there is no tensor " + name + hint(name)));
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

    /// Why a tensor may be missing.
    private String hint(String name) {
        if (name.startsWith(PREFIX)
                && checkpoint.find(name.substring(PREFIX.length())).isPresent()) {
            return ", but one without '"
                    + PREFIX
                    + "' in front: the model was saved without its head; save it from transformers' AutoModelForCausalLM";
        }
        return name.equals(architecture.head().table())
                ? ", and config.json does not tie the head to the embedding: the checkpoint is incomplete, or tie_word_embeddings should be true"
                : "";
    }

    /// By what the weights are quantised, as `config.json` or a tensor says it.
    private Optional<String> quantisation() {
        if (config.has("quantization_config")) {
            String method = config.object("quantization_config").text("quant_method", "");
            return Optional.of(method.isEmpty() ? "quantization_config" : method);
        }
        return checkpoint.tensors().stream()
                .filter(TensorCheck::isQuantised)
                .map(tensor -> "tensor " + tensor.name() + " is " + tensor.type())
                .findFirst();
    }

    private static boolean isQuantised(TensorInfo tensor) {
        return QUANTISED.matcher(tensor.name()).matches()
                || tensor.type() == DType.F8_E4M3
                || tensor.type() == DType.F8_E5M2;
    }
}
