package org.wanda4j.calibrate;

import java.io.Serializable;
import java.util.List;
import java.util.function.BiConsumer;
import org.wanda4j.checkpoint.InvalidInputException;

/// Processes that take work which depends on nothing but what it is given and on files that all see: the executors of a Spark
/// cluster.
public interface Workers {

    /// What is done with an item.
    @FunctionalInterface
    interface Work<T, R> extends Serializable {

        /// @param settings how it may use the machine that it is done on
        R apply(T item, RunSettings settings);
    }

    /// A value that many items of work read. It is sent to a process when work there first asks for it.
    ///
    /// @param <T> serializable
    interface Shared<T> extends Serializable, AutoCloseable {

        /// The value.
        T get();

        /// Frees it wherever it is; no work reads it any more.
        @Override
        void close();
    }

    /// Shares a value.
    <T> Shared<T> share(T value);

    /// How many parts work is to be cut into.
    ///
    /// @param units it consists of, each the work of one thread
    int parts(int units);

    /// Does work with each item. What a lost worker was at, another one does.
    ///
    /// @param items serializable, and so are results
    /// @param done takes the number of an item and its result, as they come, one at a time
    /// @throws InvalidInputException when the work cannot be done
    <T, R> void forEach(List<T> items, Work<T, R> work, BiConsumer<Integer, R> done);

    /// The same for work that takes as many threads as there are: with fewer items than threads, each is alone in its process, where
    /// the cluster can see to that. Items begin in their order.
    <T, R> void forEachWide(List<T> items, Work<T, R> work, BiConsumer<Integer, R> done);
}
