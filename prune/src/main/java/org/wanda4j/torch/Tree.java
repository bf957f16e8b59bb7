package org.wanda4j.torch;

import java.util.List;

/// One context and several continuations of it in one sequence, so that the context is computed once. A token sees the
/// context and what stands before it in its own continuation.
///
/// @param context tokens of the context
/// @param branches tokens of each continuation
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

    /// 0 where a token sees another one, else minus infinity; length x length.
    ///
    /// @param window how many positions, its own included, a token sees
    float[] blocked(int window) {
        int length = length();
        long[] positions = positions();
        float[] blocked = new float[length * length];
        int branchStart = 0;
        int branchEnd = context;
        int branch = 0;
        for (int i = 0; i < length; i++) {
            if (i == branchEnd) {
                branchStart = i;
                branchEnd = i + branches.get(branch++);
            }
            for (int j = 0; j < length; j++) {
                boolean sees = j <= i && (j < context || j >= branchStart);
                boolean near = positions[i] - positions[j] < window;
                blocked[i * length + j] = sees && near ? 0 : Float.NEGATIVE_INFINITY;
            }
        }
        return blocked;
    }
}
