package org.wanda4j.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// Adds up gradients of batches that come from several threads: always in the order of their index, so that the sum does not
/// depend on threads.
///
/// A thread waits for its turn, with the gradient of one batch. Where batches are taken in ascending order, as by
/// [Engine#forEach], the lowest never waits.
public final class GradientSum {

    private int next;
    private boolean abandoned;

    /// Adds a batch's gradients to those of the variables; those of batch 0 replace them.
    ///
    /// @param weights that were trained
    /// @param gradients of each weight; undefined where nothing depends on it
    void add(int index, List<TrainedWeight> weights, List<Tensor> gradients) {
        try (var _ = new PointerScope()) {
            List<List<Tensor>> parts = new ArrayList<>();
            for (int i = 0; i < weights.size(); i++) {
                Tensor gradient = gradients.get(i);
                parts.add(
                        gradient.defined()
                                ? weights.get(i).gradients(gradient)
                                : List.<Tensor>of());
            }
            awaitTurn(index);
            for (int i = 0; i < weights.size(); i++) {
                List<Variable> variables = weights.get(i).variables();
                for (int j = 0; j < variables.size(); j++) {
                    Tensor sum = variables.get(j).gradient().tensor();
                    if (index == 0 && parts.get(i).isEmpty()) {
                        sum.zero_();
                    } else if (index == 0) {
                        sum.copy_(parts.get(i).get(j).view(sum.sizes()));
                    } else if (!parts.get(i).isEmpty()) {
                        sum.add_(parts.get(i).get(j).view(sum.sizes()));
                    }
                }
            }
            passTurn();
        }
    }

    private synchronized void awaitTurn(int index) {
        while (next < index && !abandoned) {
            try {
                wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CancellationException("interrupted");
            }
        }
        if (abandoned) {
            throw new CancellationException("another batch failed");
        }
    }

    private synchronized void passTurn() {
        next++;
        notifyAll();
    }

    /// Ends the waiting of all threads: a batch that they wait for will not come.
    public synchronized void abandon() {
        abandoned = true;
        notifyAll();
    }
}
