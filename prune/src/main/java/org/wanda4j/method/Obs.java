package org.wanda4j.method;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;

/// Optimal brain surgeon, as SparseGPT has it (Frantar & Alistarh, 2023, eq. 5): `|W_ij| / U_jj`, where `U` is the upper
/// Cholesky factor of the inverse Hessian. Its square is the error that removing the weight leaves when those to its
/// right make up for it.
public record Obs() implements ColumnImportance {

    @Override
    public Statistic needs() {
        return Statistic.GRAM;
    }

    @Override
    public float[] columns(InputStatistics statistics, int width) {
        float[] factor = statistics.gram().factorDiagonal();
        float[] columns = new float[width];
        for (int j = 0; j < width; j++) {
            columns[j] = statistics.gram().dead(j) ? 0 : 1 / factor[j];
        }
        return columns;
    }
}
