package org.wanda4j.gguf;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.wanda4j.checkpoint.GgufFile;
import org.wanda4j.checkpoint.GgufMapping;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.gguf.GgufTensor.Part;
import org.wanda4j.gguf.GgufTensor.Rows;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import tools.jackson.databind.node.ObjectNode;

/// The way back from a GGUF file: its entries make a `config.json`, that an [Architecture], and where each tensor of the file
/// belongs is what [GgufTensors] says of the way out.
public final class GgufImport implements GgufMapping {

    /// For the service loader.
    public GgufImport() {}

    @Override
    public Model of(GgufFile file) {
        String name = String.valueOf(file.entries().get("general.architecture"));
        String type =
                GgufFamily.modelType(name, tensor -> file.find(tensor).isPresent())
                        .orElseThrow(() ->
                                file.invalid(
                                        "GGUF files of the architecture '%s' are not read here, those of %s are; take the model's original repository"
                                                .formatted(
                                                        name,
                                                        String.join(", ", GgufFamily.names()))));
        ObjectNode config = GgufConfig.of(file, type);
        Architecture model = Families.describe(config, file.path(), file.tensors().size());
        GgufFamily family;
        try {
            family = ModelTraits.check(model);
        } catch (InvalidInputException e) {
            throw file.invalid(e.getMessage());
        }
        return new Model(config, targets(file, GgufTensors.of(model, family)));
    }

    private static List<Target> targets(GgufFile file, List<GgufTensor> described) {
        Map<String, List<Piece>> pieces = new LinkedHashMap<>();
        Set<String> known = new HashSet<>();
        for (GgufTensor tensor : described) {
            known.add(tensor.name());
            if (tensor.content() instanceof Rows(List<Part> parts)) {
                GgufFile.Tensor source = find(file, tensor);
                long first = 0;
                for (Part part : parts) {
                    MatrixView matrix = part.matrix();
                    pieces.computeIfAbsent(matrix.tensor(), _ -> new ArrayList<>())
                            .add(
                                    new Piece(
                                            source,
                                            first,
                                            matrix,
                                            part.order(),
                                            part.added(),
                                            part.factor()));
                    first += (long) matrix.rows() * matrix.columns();
                }
            }
        }
        file.tensors().stream()
                .map(GgufFile.Tensor::name)
                .filter(name -> !known.contains(name))
                .min(Comparator.naturalOrder())
                .ifPresent(name -> {
                    throw file.invalid(
                            "tensor %s is not one of the architecture '%s' as the file's entries describe it"
                                    .formatted(name, file.entries().get("general.architecture")));
                });
        return pieces.entrySet().stream()
                .map(each ->
                        new Target(
                                each.getKey(),
                                each.getValue().getFirst().matrix().shape(),
                                each.getValue()))
                .toList();
    }

    private static GgufFile.Tensor find(GgufFile file, GgufTensor tensor) {
        GgufFile.Tensor found =
                file.find(tensor.name())
                        .orElseThrow(() ->
                                file.invalid(
                                        "tensor %s is missing: the file is incomplete, or of another kind of the architecture"
                                                .formatted(tensor.name())));
        if (!found.shape().equals(tensor.shape())) {
            throw file.invalid(
                    "tensor %s has shape %s, but its entries ask for %s"
                            .formatted(found.name(), found.shape(), tensor.shape()));
        }
        return found;
    }
}
