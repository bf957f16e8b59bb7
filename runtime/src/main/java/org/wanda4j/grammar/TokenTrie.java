package org.wanda4j.grammar;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.InvalidInputException;

/// The bytes of all tokens of a vocabulary as a trie, so that beginnings which many tokens share are read once for all of them.
///
/// Immutable and thread-safe.
public final class TokenTrie {

    private static final int FIRST_PRINTABLE = ' ';
    private static final int LAST_PRINTABLE = '~';

    private final byte[][] bytes;

    /// Nodes in the order in which a walk meets them: a node, then all below it.
    private final byte[] labels;

    private final short[] depths;

    /// Index behind the nodes below each.
    private final int[] ends;

    /// Ids, in the order of their nodes; those of node `i` are from `firsts[i]` to `firsts[i + 1]`.
    private final int[] ids;

    private final int[] firsts;
    private final int deepest;

    /// @param bytes of each token, by id; empty for one that no text has, as an end token
    /// @throws InvalidInputException when one of ASCII's printable characters is no token: some texts could not be written
    public TokenTrie(byte[][] bytes) {
        this.bytes = bytes;
        this.ids =
                IntStream.range(0, bytes.length)
                        .filter(id -> bytes[id].length > 0 && bytes[id].length <= Short.MAX_VALUE)
                        .boxed()
                        .sorted(Comparator.comparing(id -> bytes[id], Arrays::compareUnsigned))
                        .mapToInt(Integer::intValue)
                        .toArray();
        int count = 0;
        for (int i = 0; i < ids.length; i++) {
            count += bytes[ids[i]].length - shared(i);
        }
        labels = new byte[count];
        depths = new short[count];
        ends = new int[count];
        firsts = new int[count + 1];
        deepest = fill();
        for (char c = FIRST_PRINTABLE; c <= LAST_PRINTABLE; c++) {
            checkHas((byte) c);
        }
    }

    /// Bytes that a token shares with the one before in order.
    private int shared(int i) {
        if (i == 0) {
            return 0;
        }
        int differs = Arrays.mismatch(bytes[ids[i - 1]], bytes[ids[i]]);
        return differs < 0 ? bytes[ids[i]].length : differs;
    }

    private int fill() {
        int most = 0;
        for (byte[] each : bytes) {
            most = Math.max(most, each.length);
        }
        int[] open = new int[most + 1]; // node of each depth, from 1
        int depth = 0;
        int node = 0;
        for (int i = 0; i < ids.length; i++) {
            byte[] token = bytes[ids[i]];
            int shared = shared(i);
            while (depth > shared) {
                ends[open[depth--]] = node;
            }
            while (depth < token.length) {
                labels[node] = token[depth++];
                depths[node] = (short) depth;
                firsts[node] = i;
                open[depth] = node++;
            }
        }
        while (depth > 0) {
            ends[open[depth--]] = node;
        }
        firsts[node] = ids.length;
        return most;
    }

    private void checkHas(byte character) {
        if (Arrays.stream(ids)
                .noneMatch(id -> bytes[id].length == 1 && bytes[id][0] == character)) {
            throw new InvalidInputException(
                    "the model has no token for '%s', so the form of its answers cannot be constrained"
                            .formatted((char) character));
        }
    }

    /// Number of ids.
    int size() {
        return bytes.length;
    }

    byte[] bytes(int id) {
        return bytes[id];
    }

    /// The tokens that may follow a state. For a caller that holds the automaton's lock.
    ///
    /// @param most bytes that may be needed to end the text behind one of them
    TokenMask mask(Automaton automaton, Automaton.State state, int most) {
        long[] words = new long[(bytes.length + Long.SIZE - 1) / Long.SIZE];
        var path = new Automaton.State[deepest + 1];
        path[0] = state;
        int furthest = 0;
        int node = 0;
        while (node < labels.length) {
            Automaton.State next = automaton.next(path[depths[node] - 1], labels[node] & 0xff);
            if (next == Automaton.NONE) {
                node = ends[node];
                continue;
            }
            path[depths[node]] = next;
            int distance = next.distance;
            if (distance <= most && firsts[node] < firsts[node + 1]) {
                furthest = Math.max(furthest, distance);
                for (int i = firsts[node]; i < firsts[node + 1]; i++) {
                    words[ids[i] >> 6] |= 1L << ids[i];
                }
            }
            node++;
        }
        return new TokenMask(words, furthest);
    }
}
