package org.wanda4j.runtime;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Norm;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;

/// The tensors of a checkpoint as a decoder uses them: matrices where they are mapped, vectors as floats.
final class Weights {

    private final Checkpoint checkpoint;
    private final Arena memory;

    /// @param memory what is mapped lives as long as this
    Weights(Checkpoint checkpoint, Arena memory) {
        this.checkpoint = checkpoint;
        this.memory = memory;
    }

    /// `y = x W^T + b`
    record Projection(MappedMatrix matrix, float[] bias) {}

    /// A norm's factors, its offset included, 1 where it has none; and its biases, empty where it has none.
    record Scaling(Norm norm, float[] weight, float[] bias) {}

    MappedMatrix matrix(String name) {
        return MappedMatrix.of(checkpoint.matrix(name, memory));
    }

    Projection projection(Linear linear) {
        return new Projection(
                matrix(linear.weight().tensor()),
                linear.bias().map(this::vector).orElseGet(() -> new float[0]));
    }

    /// From the width of the table to logits.
    Projection table(Head head) {
        MappedMatrix matrix = matrix(head.table());
        return new Projection(
                matrix,
                head.bias()
                        .map(name -> vector(MatrixView.vector(name, matrix.rows())))
                        .orElseGet(() -> new float[0]));
    }

    Scaling scaling(Norm norm) {
        return new Scaling(
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
