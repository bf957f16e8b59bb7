package org.wanda4j.model;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// `down(activation(gate(x)) * up(x))`, or `down(activation(up(x)))` without a gate.
public record Mlp(Optional<Linear> gate, Linear up, Linear down, Activation activation)
        implements Mixer {

    /// The linears that read the MLP's input.
    public List<Linear> first() {
        return Stream.concat(gate.stream(), Stream.of(up)).toList();
    }

    @Override
    public List<List<Group>> steps() {
        return List.of(
                List.of(new Group("gate+up", first())), List.of(new Group("down", List.of(down))));
    }

    @Override
    public int width() {
        return down.inputs();
    }
}
