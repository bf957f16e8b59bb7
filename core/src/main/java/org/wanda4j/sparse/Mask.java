package org.wanda4j.sparse;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Which weights of a matrix are removed: one bit a weight, 1 = removed.
///
/// Each row starts at a word of its own, so that rows can be written by different threads; bit `c % 64` of
/// word `c / 64` of a row is column `c`, and the bits behind the last column are 0.
public final class Mask {

    /// For each byte of a word, what [#kept] makes of its bits.
    private static final float[] KEPT = new float[(1 << Byte.SIZE) * Byte.SIZE];

    static {
        for (int i = 0; i < KEPT.length; i++) {
            KEPT[i] = (((i / Byte.SIZE) >>> (i % Byte.SIZE)) & 1) == 0 ? 1 : 0;
        }
    }

    private final int rows;
    private final int columns;
    private final int wordsPerRow;
    private final long[] words;

    /// A mask that removes nothing.
    public Mask(int rows, int columns) {
        this.rows = rows;
        this.columns = columns;
        this.wordsPerRow = Math.ceilDiv(columns, Long.SIZE);
        this.words = new long[Math.multiplyExact(rows, wordsPerRow)];
    }

    /// The mask that [#toBytes()] was made of.
    ///
    /// @param bytes as many as [#bytes(int, int)]
    public static Mask of(int rows, int columns, byte[] bytes) {
        var mask = new Mask(rows, columns);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(mask.words);
        return mask;
    }

    /// The words of all rows, little-endian.
    public byte[] toBytes() {
        byte[] bytes = new byte[bytes(rows, columns)];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().put(words);
        return bytes;
    }

    /// Size of [#toBytes()]: one bit a weight, each row filled up to 8 bytes.
    public static int bytes(int rows, int columns) {
        return Math.multiplyExact(rows * Long.BYTES, Math.ceilDiv(columns, Long.SIZE));
    }

    /// Outputs of the linear.
    public int rows() {
        return rows;
    }

    /// Inputs of the linear.
    public int columns() {
        return columns;
    }

    /// All words, row after row: [#wordsPerRow()] for each. Shared, not copied: kernels write here.
    public long[] words() {
        return words;
    }

    /// Words that one row takes.
    public int wordsPerRow() {
        return wordsPerRow;
    }

    /// Whether the weight is removed.
    public boolean get(int row, int column) {
        return (words[row * wordsPerRow + (column >>> 6)] >>> column & 1) != 0;
    }

    /// Removes the weight.
    public void set(int row, int column) {
        words[row * wordsPerRow + (column >>> 6)] |= 1L << column;
    }

    /// Fills `into` with 1 for each weight of a row that stays and 0 for each that is removed.
    public void kept(int row, float[] into) {
        for (int column = 0; column < columns; column += Byte.SIZE) {
            long word = words[row * wordsPerRow + (column >>> 6)];
            int removed = (int) (word >>> column) & 0xff;
            System.arraycopy(
                    KEPT, removed * Byte.SIZE, into, column, Math.min(Byte.SIZE, columns - column));
        }
    }

    /// How many weights are removed.
    public long count() {
        return Arrays.stream(words).map(Long::bitCount).sum();
    }

    /// Whether of every run of M columns at least N are removed, in every row.
    public boolean follows(SparsityPattern.NofM pattern) {
        if (columns % pattern.m() != 0) {
            return false;
        }
        for (int row = 0; row < rows; row++) {
            for (int from = 0; from < columns; from += pattern.m()) {
                if (countInRun(row, from, pattern.m()) < pattern.n()) {
                    return false;
                }
            }
        }
        return true;
    }

    private int countInRun(int row, int from, int length) {
        int removed = 0;
        for (int column = from; column < from + length; column++) {
            removed += get(row, column) ? 1 : 0;
        }
        return removed;
    }
}
