package org.wanda4j.runtime.internal.decode;

import java.lang.foreign.Arena;
import java.util.Arrays;
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

    /// @param memory lifetime of the mapping
    DecoderWeights(Checkpoint checkpoint, Arena memory) {
        this.checkpoint = checkpoint;
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
    record NormWeights(Norm norm, float[] weight, float[] bias) {}

    MappedMatrix matrix(String name) {
        return MappedMatrix.of(matrices.whole(name));
    }

    Projection projection(Linear linear) {
        return new Projection(
                MappedMatrix.of(matrices.of(linear.weight())),
                linear.bias().map(this::vector).orElseGet(() -> new float[0]));
    }

    /// The head's projection to logits.
    Projection table(Head head) {
        MappedMatrix matrix = matrix(head.table());
        return new Projection(
                matrix,
                head.bias()
                        .map(name -> vector(MatrixView.vector(name, matrix.rows())))
                        .orElseGet(() -> new float[0]));
    }

    NormWeights norm(Norm norm) {
        return new NormWeights(
                norm,
                norm.weight()
                        .map(name -> vector(MatrixView.vector(name, norm.width())))
                        .map(weight -> plus(weight, norm.offset()))
                        .orElseGet(() -> ones(norm.width())),
                norm.bias()
                        .map(name -> vector(MatrixView.vector(name, norm.width())))
                        .orElseGet(() -> new float[0]));
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

    private float[] vector(MatrixView view) {
        try (Arena here = Arena.ofConfined()) {
            TensorView tensor = checkpoint.map(view, here);
            float[] values = new float[Math.toIntExact(tensor.shape().getFirst())];
            for (int i = 0; i < values.length; i++) {
                values[i] = tensor.type().get(tensor.data(), i);
            }
            return values;
        }
    }
}
