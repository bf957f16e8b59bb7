package org.wanda4j.recover;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Norm;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.DifferentiableBlock;
import org.wanda4j.torch.FixedWeights;
import org.wanda4j.torch.LowRankWeight;
import org.wanda4j.torch.RoundedWeight;
import org.wanda4j.torch.Rounding;
import org.wanda4j.torch.TorchEmbedding;
import org.wanda4j.torch.TrainedWeight;
import org.wanda4j.torch.TrainingHead;
import org.wanda4j.torch.Variable;
import org.wanda4j.torch.WholeWeight;

/// A pruned model that is trained: its blocks and the norm before its head. Embedding and head stay as they are.
final class Student implements AutoCloseable {

    private static final int ALIGNMENT = 64;

    private final Checkpoint checkpoint;
    private final Architecture architecture;
    private final ComputeType products;
    private final int length;
    private final Device device;
    private final FixedWeights fixed;
    private final Map<MatrixView, TrainedWeight> trained = new LinkedHashMap<>();
    private final List<MemorySegment> best;

    /// @param scope what is trained
    /// @param values what its linears are rounded to, if anything
    /// @param products what its linears multiply in
    /// @param length tokens of every window
    /// @param seed of what begins at random
    /// @param device that computes
    /// @param memory for all that is trained; outlives this
    Student(
            Checkpoint checkpoint,
            Architecture architecture,
            Scope scope,
            Optional<ValueType> values,
            ComputeType products,
            int length,
            long seed,
            Device device,
            Arena memory) {
        this.checkpoint = checkpoint;
        this.architecture = architecture;
        this.products = products;
        this.length = length;
        this.device = device;
        this.fixed = new FixedWeights(checkpoint::map, device);
        switch (scope) {
            case Scope.All _ -> trainAll(memory);
            case Scope.Norms _ -> norms().forEach(view -> train(view, false, memory));
            case Scope.LowRank it -> trainProducts(it, new Random(seed), memory);
        }
        values.ifPresent(this::round);
        this.best =
                variables().stream()
                        .map(it -> memory.allocate(it.value().data().byteSize(), ALIGNMENT))
                        .toList();
        keepAsBest();
    }

    private void trainAll(Arena memory) {
        Set<MatrixView> matrices = matrices();
        Stream.concat(architecture.blocks().stream().flatMap(Block::views), norms())
                .distinct()
                .forEach(view -> train(view, matrices.contains(view), memory));
    }

    /// Norms and biases.
    private Stream<MatrixView> norms() {
        Stream<MatrixView> blocks =
                architecture.blocks().stream()
                        .flatMap(block ->
                                Stream.concat(
                                        block.norms().flatMap(Norm::views),
                                        Stream.concat(block.linears().stream(), block.fixed())
                                                .flatMap(linear -> linear.bias().stream())));
        return Stream.concat(blocks, architecture.head().norm().stream().flatMap(Norm::views))
                .distinct();
    }

    /// @param pruned whether it is the matrix of a linear, in which what is zero stays zero
    private void train(MatrixView view, boolean pruned, Arena memory) {
        try (Arena scratch = Arena.ofConfined()) {
            TensorView stored = checkpoint.map(view, scratch);
            trained.put(
                    view,
                    new WholeWeight(
                            variable(Rounding.to(DType.F32, stored, memory), pruned, memory)));
        }
    }

    private Variable variable(TensorView value, boolean pruned, Arena memory) {
        return new Variable(value, pruned, device, memory);
    }

    /// For each linear, a product that is zero at the start: its second factor is, and the first is random.
    private void trainProducts(Scope.LowRank scope, Random random, Arena memory) {
        for (Linear linear : architecture.linears()) {
            int rank = Math.min(scope.rank(), Math.min(linear.inputs(), linear.outputs()));
            TensorView down = zeros(linear.name() + ".down", rank, linear.inputs(), memory);
            double bound = 1 / Math.sqrt(linear.inputs());
            for (long i = 0; i < (long) rank * linear.inputs(); i++) {
                float value = (float) (bound * (2 * random.nextDouble() - 1));
                down.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
            }
            TensorView up = zeros(linear.name() + ".up", linear.outputs(), rank, memory);
            trained.put(
                    linear.weight(),
                    new LowRankWeight(
                            linear.weight(),
                            fixed,
                            variable(down, false, memory),
                            variable(up, false, memory),
                            scope.alpha() / scope.rank()));
        }
    }

    private static TensorView zeros(String name, int rows, int columns, Arena memory) {
        long bytes = (long) rows * columns * Float.BYTES;
        return new TensorView(
                name,
                DType.F32,
                List.of((long) rows, (long) columns),
                memory.allocate(bytes, ALIGNMENT));
    }

    private void round(ValueType values) {
        Set<MatrixView> matrices = matrices();
        trained.replaceAll((view, weight) ->
                matrices.contains(view)
                        ? new RoundedWeight(weight, checkpoint.info(view.tensor()).type(), values)
                        : weight);
    }

    /// What an optimiser changes.
    List<Variable> variables() {
        return trained.values().stream().flatMap(it -> it.variables().stream()).toList();
    }

    /// How many values are trained, those that stay zero included.
    long parameters() {
        return variables().stream().mapToLong(it -> it.value().data().byteSize()).sum()
                / Float.BYTES;
    }

    Architecture architecture() {
        return architecture;
    }

    /// From token ids to the states that the first block reads, in fp32.
    ///
    /// @param memory that outlives it
    TorchEmbedding embedding(Arena memory) {
        return new TorchEmbedding(
                architecture, view -> checkpoint.map(view, memory), ComputeType.FP32, device);
    }

    /// Block `index` as it is now.
    ///
    /// @param memory that outlives it
    DifferentiableBlock block(int index, Arena memory) {
        return new DifferentiableBlock(
                architecture.blocks().get(index), trained, fixed, products, length, memory);
    }

    /// The head as it is now.
    ///
    /// @param memory that outlives it
    TrainingHead head(Arena memory) {
        return new TrainingHead(architecture, trained, fixed, products, memory);
    }

    /// The values of the best state.
    List<MemorySegment> best() {
        return best;
    }

    /// The values as they are now are the best.
    void keepAsBest() {
        List<Variable> variables = variables();
        for (int i = 0; i < best.size(); i++) {
            variables.get(i).value().download();
            best.get(i).copyFrom(variables.get(i).value().data());
        }
    }

    /// Makes the best values those of the model.
    void restoreBest() {
        List<Variable> variables = variables();
        for (int i = 0; i < best.size(); i++) {
            variables.get(i).value().data().copyFrom(best.get(i));
            variables.get(i).value().upload();
        }
    }

    /// Writes all that is trained, in the checkpoint's types and not yet rounded to packed values.
    void write(CheckpointWriter writer) {
        trained.forEach((view, weight) -> {
            try (Arena memory = Arena.ofShared()) {
                writer.write(view, stored(view, weight.exact(memory), memory).data());
                writer.settle();
            }
        });
    }

    private TensorView stored(MatrixView view, TensorView value, Arena memory) {
        return Rounding.to(checkpoint.info(view.tensor()).type(), value, memory);
    }

    /// Fraction of the linears' weights that is zero, in the checkpoint's types.
    double sparsity() {
        long zeros = 0;
        long weights = 0;
        for (MatrixView view : matrices()) {
            try (Arena memory = Arena.ofConfined()) {
                TensorView value =
                        trained.containsKey(view)
                                ? stored(view, trained.get(view).exact(memory), memory)
                                : checkpoint.map(view, memory);
                zeros += SparsityProfile.zeros(value).count();
                weights += (long) value.rows() * value.columns();
            }
        }
        return (double) zeros / weights;
    }

    @Override
    public void close() {
        variables().forEach(Variable::close);
        fixed.close();
    }

    private Set<MatrixView> matrices() {
        return architecture.linears().stream().map(Linear::weight).collect(Collectors.toSet());
    }
}
