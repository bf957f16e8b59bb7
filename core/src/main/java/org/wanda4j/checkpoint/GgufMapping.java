package org.wanda4j.checkpoint;

import java.util.List;
import java.util.function.IntUnaryOperator;
import tools.jackson.databind.node.ObjectNode;

/// What a GGUF file holds, as a checkpoint. An implementation knows the model families, which are described in terms of this
/// package; [java.util.ServiceLoader] finds it.
public interface GgufMapping {

    /// What `file` holds.
    ///
    /// @throws InvalidInputException when its architecture is not read here, or an entry or a tensor is missing or wrong
    Model of(GgufFile file);

    /// A model.
    ///
    /// @param config its `config.json`
    /// @param tensors of its checkpoint
    record Model(ObjectNode config, List<Target> tensors) {

        /// Copies the tensors.
        public Model {
            tensors = List.copyOf(tensors);
        }
    }

    /// A tensor of the checkpoint.
    ///
    /// @param shape extents, outermost first
    /// @param pieces where all its values come from
    record Target(String name, List<Long> shape, List<Piece> pieces) {

        /// Copies the lists.
        public Target {
            shape = List.copyOf(shape);
            pieces = List.copyOf(pieces);
        }
    }

    /// Rows that follow each other in a tensor of the file.
    ///
    /// @param source the tensor
    /// @param first number of the first of its values
    /// @param matrix where they are in the checkpoint; a vector is one of one column
    /// @param order from a row of the file to the row of the matrix that lies there
    /// @param added what was added to each value of the matrix
    /// @param factor what the sum was multiplied by
    record Piece(
            GgufFile.Tensor source,
            long first,
            MatrixView matrix,
            IntUnaryOperator order,
            float added,
            float factor) {

        /// Whether every value is that of the file.
        boolean keepsValues() {
            return added == 0 && factor == 1;
        }

        float value(float stored) {
            return stored / factor - added;
        }
    }
}
