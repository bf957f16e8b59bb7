package org.wanda4j.method;

import org.wanda4j.torch.Matrix;

/// `|W_ij| * columns[j]` for weights that are being updated.
record MatrixScores(Matrix weights, float[] byColumn) implements Scores {

    @Override
    public int rows() {
        return weights.rows();
    }

    @Override
    public int columns() {
        return weights.columns();
    }

    @Override
    public void row(int row, float[] into) {
        weights.read(row, into);
        for (int j = 0; j < byColumn.length; j++) {
            into[j] = Math.abs(into[j]) * byColumn[j];
        }
    }
}
