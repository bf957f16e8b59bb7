package org.wanda4j.runtime.internal.decode;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Matrices;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Norm;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;

/// Reads tensors of a checkpoint for a decoder: matrices where they are mapped, vectors as fp32.
final class DecoderWeights {

    private final Checkpoint checkpoint;
    private final Matrices matrices;
    private final DenseLayout layout;

    /// @param layout of the matrices that are multiplied with
    /// @param memory lifetime of the mapping
    DecoderWeights(Checkpoint checkpoint, DenseLayout layout, Arena memory) {
        this.checkpoint = checkpoint;
        this.layout = layout;
        this.matrices = new Matrices(checkpoint, memory);
    }

    /// `y = x W^T + b`.
    ///
    /// @param bias empty where there is none
    record Projection(MappedMatrix matrix, float[] bias) {}

    /// Parameters of a norm.
    ///
    /// @param weight with the norm's offset added; ones where the norm has none
    /// @param bias empty where the norm has none
    record NormWeights(Norm norm, float[] weight, float[] bias) {

        /// The parameters of each of the norm's spans.
        List<NormWeights> bySpan() {
            return IntStream.iterate(0, from -> from < norm.width(), from -> from + norm.span())
                    .mapToObj(from ->
                            new NormWeights(
                                    norm,
                                    part(weight, from),
                                    bias.length == 0 ? bias : part(bias, from)))
                    .toList();
        }

        private float[] part(float[] values, int from) {
            return Arrays.copyOfRange(values, from, from + norm.span());
        }
    }

    MappedMatrix matrix(String name) {
        return MappedMatrix.of(matrices.whole(name));
    }

    Projection projection(Linear linear) {
        return new Projection(
                layout.of(MappedMatrix.of(matrices.of(linear.weight())), linear.weight().tensor()),
                linear.bias().map(this::vector).orElseGet(() -> new float[0]));
    }

    /// The head's projection to logits.
    Projection table(Head head) {
        MappedMatrix matrix = layout.of(matrix(head.table()), head.table());
        return new Projection(
                matrix,
                head.bias()
                        .map(name -> vector(MatrixView.vector(name, matrix.rows())))
                        .orElseGet(() -> new float[0]));
    }

    NormWeights norm(Norm norm) {
        return new NormWeights(
                norm,
                norm.weight().isEmpty()
                        ? ones(norm.width())
                        : plus(vector(norm.weight()), norm.offset()),
                vector(norm.bias()));
    }

    private static float[] plus(float[] weight, float offset) {
        for (int i = 0; i < weight.length; i++) {
            weight[i] += offset;
        }
        return weight;
    }

    private static float[] ones(int count) {
        float[] ones = new float[count];
        Arrays.fill(ones, 1);
        return ones;
    }

    /// The values of `views`, one behind the other.
    private float[] vector(List<MatrixView> views) {
        List<float[]> parts = views.stream().map(this::vector).toList();
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    private float[] vector(MatrixView view) {
        try (Arena here = Arena.ofConfined()) {
            TensorView tensor = checkpoint.map(view, here);
            return tensor.type().floats(tensor.data());
        }
    }
}
