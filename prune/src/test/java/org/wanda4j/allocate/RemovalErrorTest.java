package org.wanda4j.allocate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.wanda4j.torch.Matrix;

class RemovalErrorTest {

    private static final int WIDTH = 12;

    private final Random random = new Random(3);

    /// By definition: each time the set that is worth least with one weight more, its worth by the quadratic form.
    @Test
    void theErrorIsThatOfTheSetThatGrowsByTheLeast() {
        try (Arena memory = Arena.ofConfined()) {
            float[][] inputs = new float[40][WIDTH];
            for (float[] input : inputs) {
                float shared = (float) random.nextGaussian();
                for (int j = 0; j < WIDTH; j++) {
                    input[j] = shared + (float) random.nextGaussian();
                }
            }
            Matrix gram = Matrix.zeros(WIDTH, WIDTH, memory);
            for (int i = 0; i < WIDTH; i++) {
                for (int j = 0; j < WIDTH; j++) {
                    float sum = 0;
                    for (float[] input : inputs) {
                        sum += input[i] * input[j];
                    }
                    gram.set(i, j, sum);
                }
            }
            float[] weights = new float[WIDTH];
            for (int j = 0; j < WIDTH; j++) {
                weights[j] = (float) random.nextGaussian();
            }
            Set<Integer> removed = new HashSet<>();
            while (removed.size() < WIDTH / 2) {
                int best = -1;
                for (int j = 0; j < WIDTH; j++) {
                    if (!removed.contains(j)
                            && (best < 0
                                    || error(with(removed, j), weights, inputs)
                                            < error(with(removed, best), weights, inputs))) {
                        best = j;
                    }
                }
                removed.add(best);
            }
            double expected = error(removed, weights, inputs);
            assertEquals(expected, RemovalError.ofRow(weights, gram), 1e-4 * expected);
        }
    }

    private static Set<Integer> with(Set<Integer> set, int one) {
        Set<Integer> more = new HashSet<>(set);
        more.add(one);
        return more;
    }

    /// `sum_t (sum_{j in set} w_j x_tj)^2`
    private static double error(Set<Integer> set, float[] weights, float[][] inputs) {
        double error = 0;
        for (float[] input : inputs) {
            double output = 0;
            for (int j : set) {
                output += (double) weights[j] * input[j];
            }
            error += output * output;
        }
        return error;
    }
}
