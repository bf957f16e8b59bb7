package org.wanda4j.runtime.internal.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

/// Interpreted and compiled, sums and exponentials have the same bits: what is generated must not depend on when the JVM compiles.
class VectorKernelsTest {

    private static final int CALLS = 20_000;
    private static final int COUNT = 7 * VectorKernels.LANES;

    private final VectorKernels kernels = new VectorKernels();
    private final Random random = new Random(1);

    @Test
    void aSumOfSquaresAddsLanesInOneOrder() {
        for (int call = 0; call < CALLS; call++) {
            float[] x = values(1);
            float[] lanes = new float[VectorKernels.LANES];
            for (int i = 0; i < COUNT; i++) {
                int lane = i % lanes.length;
                lanes[lane] = Math.fma(x[i], x[i], lanes[lane]);
            }
            for (int half = lanes.length / 2; half > 0; half /= 2) {
                for (int lane = 0; lane < half; lane++) {
                    lanes[lane] += lanes[lane + half];
                }
            }
            assertEquals(lanes[0], kernels.sumOfSquares(x, 0, COUNT));
        }
    }

    @Test
    void exponentialsAreExactToTwoUnitsAndStayTheSame() {
        float[] x = values(20);
        x[0] = 0;
        x[1] = -87;
        x[2] = 88;
        x[3] = Float.NEGATIVE_INFINITY;
        float[] first = x.clone();
        float sum = kernels.exponentials(first, COUNT, 0);
        for (int i = 0; i < COUNT; i++) {
            float exact = (float) Math.exp(x[i]);
            assertEquals(exact, first[i], 2 * Math.ulp(exact), () -> "e^" + exact);
        }
        for (int call = 0; call < CALLS; call++) {
            float[] again = x.clone();
            assertEquals(sum, kernels.exponentials(again, COUNT, 0));
            for (int i = 0; i < COUNT; i++) {
                assertEquals(first[i], again[i]);
            }
        }
    }

    private float[] values(float scale) {
        float[] values = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
            values[i] = scale * (float) random.nextGaussian();
        }
        return values;
    }
}
