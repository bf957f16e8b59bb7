package org.wanda4j.model.families;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Attention.NoPositions;
import org.wanda4j.model.Attention.Positions;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Norm;

/// Attention by what a family says of it: products scaled by `1 / sqrt(head size)`, no positions, no window, no norms,
/// but what is given.
final class AttentionBuilder {

    private final Heads heads;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear output;
    private double scale;
    private OptionalDouble cap = OptionalDouble.empty();
    private OptionalDouble clip = OptionalDouble.empty();
    private Optional<Norm> queryNorm = Optional.empty();
    private Optional<Norm> keyNorm = Optional.empty();
    private Positions positions = new NoPositions();
    private OptionalInt window = OptionalInt.empty();

    AttentionBuilder(Heads heads, Linear query, Linear key, Linear value, Linear output) {
        this.heads = heads;
        this.query = query;
        this.key = key;
        this.value = value;
        this.output = output;
        this.scale = 1 / Math.sqrt(heads.size());
    }

    /// `q_proj`, `k_proj`, `v_proj` and `o_proj`.
    ///
    /// @param name what their names begin with
    static AttentionBuilder separate(
            DecoderParts parts, Heads heads, String name, boolean bias, boolean outputBias) {
        return separate(parts, heads, name, "o_proj", bias, outputBias);
    }

    /// The same, with another name for the output projection.
    static AttentionBuilder separate(
            DecoderParts parts,
            Heads heads,
            String name,
            String output,
            boolean bias,
            boolean outputBias) {
        return new AttentionBuilder(
                heads,
                parts.linear(name + "q_proj", heads.queryWidth(), bias),
                parts.linear(name + "k_proj", heads.keyWidth(), bias),
                parts.linear(name + "v_proj", heads.keyWidth(), bias),
                Linear.of(name + output, heads.queryWidth(), parts.hidden(), outputBias));
    }

    /// Queries of all heads, then keys of all heads, then values, in one tensor.
    static AttentionBuilder stacked(Heads heads, Fused fused, Linear output) {
        int queries = heads.queryWidth();
        int keys = heads.keyWidth();
        return new AttentionBuilder(
                heads,
                fused.rows("q", 0, queries),
                fused.rows("k", queries, keys),
                fused.rows("v", queries + keys, keys),
                output);
    }

    /// For each key head its queries, the key and the value, in `query_key_value`; and `dense`.
    ///
    /// @param name what their names begin with
    static AttentionBuilder interleaved(
            DecoderParts parts, Heads heads, String name, boolean bias) {
        int outputs = heads.queryWidth() + 2 * heads.keyWidth();
        Fused fused = Fused.of(name + "query_key_value", parts.hidden(), outputs, bias);
        int size = heads.size();
        int queries = heads.queryWidth() / heads.keyValues();
        int step = queries + 2 * size;
        return new AttentionBuilder(
                heads,
                fused.interleaved("q", 0, heads.queryWidth(), queries, step),
                fused.interleaved("k", queries, heads.keyWidth(), size, step),
                fused.interleaved("v", queries + size, heads.keyWidth(), size, step),
                Linear.of(name + "dense", parts.hidden(), parts.hidden(), bias));
    }

    AttentionBuilder scale(double factor) {
        scale = factor;
        return this;
    }

    AttentionBuilder cap(OptionalDouble limit) {
        cap = limit;
        return this;
    }

    AttentionBuilder clip(OptionalDouble limit) {
        clip = limit;
        return this;
    }

    AttentionBuilder norms(Norm ofQueries, Norm ofKeys) {
        queryNorm = Optional.of(ofQueries);
        keyNorm = Optional.of(ofKeys);
        return this;
    }

    AttentionBuilder positions(Positions how) {
        positions = how;
        return this;
    }

    AttentionBuilder window(OptionalInt length) {
        window = length;
        return this;
    }

    Attention build() {
        return new Attention(
                query,
                key,
                value,
                output,
                heads.queries(),
                heads.keyValues(),
                heads.size(),
                scale,
                cap,
                clip,
                queryNorm,
                keyNorm,
                positions,
                window);
    }
}
