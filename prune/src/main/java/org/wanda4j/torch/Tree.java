package org.wanda4j.torch;

import java.util.List;
import java.util.stream.LongStream;

/// One context and several continuations of it in one sequence, so that the context is computed once. A token sees the
/// context and what stands before it in its own continuation.
///
/// @param context tokens of the context
/// @param branches tokens of each continuation; one may have none
public record Tree(int context, List<Integer> branches) {

    /// Copies the list.
    public Tree {
        branches = List.copyOf(branches);
    }

    /// Tokens in all.
    public int length() {
        return context + branches.stream().mapToInt(Integer::intValue).sum();
    }

    /// Tokens of the longest single sequence in it.
    public int depth() {
        return context + branches.stream().mapToInt(Integer::intValue).max().orElse(0);
    }

    /// Where continuation `branch` starts.
    public int start(int branch) {
        return context + branches.subList(0, branch).stream().mapToInt(Integer::intValue).sum();
    }

    /// The position of each token in its own sequence.
    long[] positions() {
        long[] positions = new long[length()];
        int token = 0;
        for (; token < context; token++) {
            positions[token] = token;
        }
        for (int branch : branches) {
            for (int i = 0; i < branch; i++) {
                positions[token++] = (long) context + i;
            }
        }
        return positions;
    }

    /// The first token that tokens `from` to `from + count - 1` may see.
    ///
    /// @param window how many positions, its own included, a token sees
    int first(int from, int count, int window) {
        long[] positions = positions();
        long lowest = LongStream.of(positions).skip(from).limit(count).min().orElseThrow();
        return (int) Math.max(0, lowest - window + 1);
    }

    /// 0 where tokens `from` to `from + count - 1` see one from [#first] on, else minus infinity; count x (from + count - first).
    ///
    /// @param window how many positions, its own included, a token sees
    float[] blocked(int from, int count, int window) {
        long[] positions = positions();
        int first = first(from, count, window);
        int seen = from + count - first;
        float[] blocked = new float[Math.multiplyExact(count, seen)];
        for (int i = 0; i < count; i++) {
            int own = from + i;
            int branchStart = own - (int) Math.max(0, positions[own] - context);
            for (int j = 0; j < seen; j++) {
                int other = first + j;
                boolean sees = other <= own && (other < context || other >= branchStart);
                boolean near = positions[own] - positions[other] < window;
                blocked[i * seen + j] = sees && near ? 0 : Float.NEGATIVE_INFINITY;
            }
        }
        return blocked;
    }
}
