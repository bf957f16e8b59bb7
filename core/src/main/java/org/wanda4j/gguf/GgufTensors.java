package org.wanda4j.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.gguf.GgufFamily.Rotation;
import org.wanda4j.gguf.GgufTensor.Part;
import org.wanda4j.gguf.GgufTensor.Rows;
import org.wanda4j.gguf.GgufTensor.Values;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;
import org.wanda4j.model.Rotary;
import org.wanda4j.model.Rotary.Scaling;

/// The tensors of a GGUF file, by what they are in the decoder: wherever a linear lies in the checkpoint, it comes out under
/// llama.cpp's name for its place.
final class GgufTensors {

    private static final String WEIGHT = ".weight";

    private final Architecture model;
    private final GgufFamily family;
    private final List<GgufTensor> tensors = new ArrayList<>();

    private GgufTensors(Architecture model, GgufFamily family) {
        this.model = model;
        this.family = family;
    }

    /// All tensors of `model`.
    static List<GgufTensor> of(Architecture model, GgufFamily family) {
        var it = new GgufTensors(model, family);
        it.embedding();
        it.head();
        it.rotation();
        for (int i = 0; i < model.blocks().size(); i++) {
            it.block(model.blocks().get(i), "blk." + i + ".");
        }
        return List.copyOf(it.tensors);
    }

    private void embedding() {
        tensors.add(GgufTensor.table("token_embd" + WEIGHT, table(model.embedding().tokens())));
        model.embedding().norm().ifPresent(norm -> norm("token_embd_norm", norm));
        model.embedding()
                .positions()
                .ifPresent(learned -> {
                    int rows = model.positions() + learned.offset();
                    MatrixView whole = MatrixView.whole(learned.table(), rows, model.hidden());
                    MatrixView used =
                            whole.interleaved(
                                    learned.offset(),
                                    model.positions(),
                                    model.positions(),
                                    model.positions());
                    tensors.add(
                            new GgufTensor(
                                    "position_embd" + WEIGHT,
                                    List.of((long) model.positions(), (long) model.hidden()),
                                    true,
                                    false,
                                    new Rows(List.of(Part.of(used)))));
                });
    }

    private MatrixView table(String name) {
        return MatrixView.whole(name, model.vocabulary(), model.embedding().width());
    }

    private void head() {
        model.head().norm().ifPresent(norm -> norm("output_norm", norm));
        boolean tied = model.head().table().equals(model.embedding().tokens());
        if (family.head() == GgufFamily.Head.OWN || !tied) {
            tensors.add(GgufTensor.table("output" + WEIGHT, table(model.head().table())));
        }
        model.head()
                .bias()
                .map(name -> MatrixView.vector(name, model.vocabulary()))
                .ifPresent(bias -> vector("output.bias", bias));
    }

    /// Factors that frequencies are divided by.
    private void rotation() {
        Optional<Rotary> first =
                model.blocks().stream()
                        .flatMap(Block::attentions)
                        .flatMap(attention -> attention.rotary().stream())
                        .findFirst();
        first.ifPresent(rotary -> {
            switch (rotary.scaling()) {
                case Scaling.Llama3 _ -> values("rope_freqs", factors(rotary));
                case Scaling.LongRope longRope -> {
                    values("rope_factors_long", floats(longRope.longFactors()));
                    values("rope_factors_short", floats(longRope.shortFactors()));
                }
                default -> {}
            }
        });
    }

    private static float[] factors(Rotary rotary) {
        var plain =
                new Rotary(
                        rotary.size(),
                        rotary.interleaved(),
                        rotary.theta(),
                        rotary.positions(),
                        new Scaling.None());
        float[] factors = plain.frequencies(1);
        float[] scaled = rotary.frequencies(1);
        for (int i = 0; i < factors.length; i++) {
            factors[i] /= scaled[i];
        }
        return factors;
    }

    private static float[] floats(List<Double> values) {
        float[] floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return floats;
    }

    private void values(String name, float[] values) {
        tensors.add(
                new GgufTensor(
                        name + WEIGHT,
                        List.of((long) values.length),
                        true,
                        false,
                        new Values(values)));
    }

    private void block(Block block, String prefix) {
        Branch first = block.branches().getFirst();
        Branch second = block.branches().getLast();
        boolean shared = second.before().equals(first.before());
        if (block.parallel() && !shared && family.name().equals("falcon")) {
            // The MLP's norm has the plain name.
            first.before().ifPresent(norm -> norm(prefix + "attn_norm_2", norm));
            second.before().ifPresent(norm -> norm(prefix + "attn_norm", norm));
        } else {
            first.before().ifPresent(norm -> norm(prefix + "attn_norm", norm));
            second.before()
                    .filter(_ -> !(block.parallel() && shared))
                    .ifPresent(norm -> norm(prefix + "ffn_norm", norm));
        }
        first.after().ifPresent(norm -> norm(prefix + "post_attention_norm", norm));
        second.after().ifPresent(norm -> norm(prefix + "post_ffw_norm", norm));
        attention((Attention) first.mixer(), prefix);
        switch (second.mixer()) {
            case Mlp mlp -> mlp(mlp, prefix, "");
            case Experts experts -> experts(experts, prefix);
            case Attention _ -> throw new IllegalStateException("attention where an MLP was");
        }
    }

    private void attention(Attention attention, String prefix) {
        IntUnaryOperator turned =
                attention
                        .rotary()
                        .map(rotary -> order(rotary, attention.headSize()))
                        .orElse(IntUnaryOperator.identity());
        float scale = (float) ModelTraits.foldedScale(model, family, attention);
        boolean inNorm = attention.queryNorm().isPresent();
        Piece query = new Piece(attention.query(), turned, inNorm ? 1 : scale);
        Piece key = new Piece(attention.key(), turned, 1);
        Piece value = Piece.of(attention.value());
        if (family.joined().qkv()) {
            linear(prefix + "attn_qkv", query, key, value);
        } else {
            linear(prefix + "attn_q", query);
            linear(prefix + "attn_k", key);
            linear(prefix + "attn_v", value);
        }
        linear(prefix + "attn_output", attention.output());
        attention.queryNorm().ifPresent(norm -> norm(prefix + "attn_q_norm", norm, scale));
        attention.keyNorm().ifPresent(norm -> norm(prefix + "attn_k_norm", norm));
    }

    /// From a row to the row that comes there, where values that turn together lie otherwise in llama.cpp. Scores do not depend
    /// on the order of a head's values, as long as queries and keys have the same.
    private IntUnaryOperator order(Rotary rotary, int headSize) {
        boolean neighbours = family.rotation() == Rotation.NEIGHBOURS;
        if (rotary.interleaved() == neighbours) {
            return IntUnaryOperator.identity();
        }
        int half = rotary.size() / 2;
        return row -> {
            int in = row % headSize;
            if (in >= rotary.size()) {
                return row;
            }
            int from = neighbours ? in / 2 + in % 2 * half : in % half * 2 + in / half;
            return row - in + from;
        };
    }

    private void mlp(Mlp mlp, String prefix, String suffix) {
        if (family.joined().gateUp()) {
            linear(
                    prefix + "ffn_up" + suffix,
                    Piece.of(mlp.gate().orElseThrow()),
                    Piece.of(mlp.up()));
        } else {
            mlp.gate().ifPresent(gate -> linear(prefix + "ffn_gate" + suffix, gate));
            linear(prefix + "ffn_up" + suffix, mlp.up());
        }
        linear(prefix + "ffn_down" + suffix, mlp.down());
    }

    private void experts(Experts experts, String prefix) {
        exact(prefix + "ffn_gate_inp", experts.router());
        stacked(prefix + "ffn_gate_exps", experts, mlp -> mlp.gate().orElseThrow());
        stacked(prefix + "ffn_up_exps", experts, Mlp::up);
        stacked(prefix + "ffn_down_exps", experts, Mlp::down);
        experts.shared().ifPresent(shared -> mlp(shared, prefix, "_shexp"));
        experts.sharedGate()
                .ifPresent(gate -> vector(prefix + "ffn_gate_inp_shexp" + WEIGHT, gate.weight()));
    }

    private void stacked(String name, Experts experts, Function<Mlp, Linear> which) {
        List<Linear> linears = experts.experts().stream().map(which).toList();
        tensors.add(
                new GgufTensor(
                        name + WEIGHT,
                        List.of(
                                (long) linears.size(),
                                (long) linears.getFirst().outputs(),
                                (long) linears.getFirst().inputs()),
                        false,
                        false,
                        new Rows(linears.stream().map(it -> Part.of(it.weight())).toList())));
    }

    /// A linear that is part of a tensor.
    private record Piece(Linear linear, IntUnaryOperator order, float factor) {

        static Piece of(Linear linear) {
            return new Piece(linear, IntUnaryOperator.identity(), 1);
        }

        Part part(MatrixView view) {
            return new Part(view, order, 0, factor);
        }
    }

    private void linear(String name, Linear linear) {
        linear(name, Piece.of(linear));
    }

    private void linear(String name, Piece... pieces) {
        long rows = Stream.of(pieces).mapToLong(piece -> piece.linear().outputs()).sum();
        tensors.add(
                new GgufTensor(
                        name + WEIGHT,
                        List.of(rows, (long) pieces[0].linear().inputs()),
                        false,
                        false,
                        new Rows(
                                Stream.of(pieces)
                                        .map(piece -> piece.part(piece.linear().weight()))
                                        .toList())));
        List<Part> biases =
                Stream.of(pieces)
                        .flatMap(piece -> piece.linear().bias().map(piece::part).stream())
                        .toList();
        if (!biases.isEmpty()) {
            tensors.add(GgufTensor.vector(name + ".bias", biases));
        }
    }

    /// A linear that keeps all bits.
    private void exact(String name, Linear linear) {
        tensors.add(
                new GgufTensor(
                        name + WEIGHT,
                        List.of((long) linear.outputs(), (long) linear.inputs()),
                        true,
                        false,
                        new Rows(List.of(Part.of(linear.weight())))));
    }

    private void vector(String name, MatrixView view) {
        tensors.add(GgufTensor.vector(name, List.of(Part.of(view))));
    }

    private void norm(String name, Norm norm) {
        norm(name, norm, 1);
    }

    /// @param factor of its weights
    private void norm(String name, Norm norm, float factor) {
        if (!norm.weight().isEmpty()) {
            List<Part> parts =
                    norm.weight().stream()
                            .map(view ->
                                    new Part(
                                            view,
                                            IntUnaryOperator.identity(),
                                            norm.offset(),
                                            factor))
                            .toList();
            List<Long> shape =
                    norm.span() == norm.width()
                            ? List.of((long) norm.width())
                            : List.of((long) norm.width() / norm.span(), (long) norm.span());
            tensors.add(new GgufTensor(name + WEIGHT, shape, true, false, new Rows(parts)));
        }
        if (!norm.bias().isEmpty()) {
            tensors.add(
                    GgufTensor.vector(name + ".bias", norm.bias().stream().map(Part::of).toList()));
        }
    }
}
