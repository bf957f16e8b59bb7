package org.wanda4j.calibrate;

import java.util.List;
import org.wanda4j.checkpoint.CheckpointWriter;

/// Hidden states that a run which is resumed needs: the bytes of all windows, one after the other, in a file of the unfinished
/// output.
public interface KeptStates {

    /// Of a run that needs none.
    KeptStates NONE = of(List.of());

    /// Size of the file.
    long bytes();

    /// Writes the file, at the latest before the writer settles.
    ///
    /// @param file its name
    void keep(CheckpointWriter writer, String file);

    /// Brings the hidden states to what the file says.
    ///
    /// @param file its name
    void restore(CheckpointWriter writer, String file);

    /// Those of stores in this process.
    static KeptStates of(List<ActivationStore> stores) {
        return new Stores(stores);
    }

    /// In this process.
    record Stores(List<ActivationStore> stores) implements KeptStates {

        /// Copies the list.
        public Stores {
            stores = List.copyOf(stores);
        }

        @Override
        public long bytes() {
            return stores.stream().mapToLong(it -> it.layout().hiddenBytes()).sum();
        }

        @Override
        public void keep(CheckpointWriter writer, String file) {
            writer.keep(file, stores.stream().map(ActivationStore::states).toList());
        }

        @Override
        public void restore(CheckpointWriter writer, String file) {
            writer.restore(file, stores.stream().map(ActivationStore::room).toList());
            stores.forEach(ActivationStore::restore);
        }
    }
}
