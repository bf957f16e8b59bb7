package org.wanda4j.recover;

/// The learning rate of each step: it rises in a line over the first [#WARM_UP] steps, and then falls along half a cosine to 0
/// behind the last.
///
/// @param peak the highest rate
/// @param steps in all
record Schedule(double peak, int steps) {

    /// Steps whose rate does not depend on how many there are.
    static final int WARM_UP = 8;

    /// The rate of step `step`, from 0.
    double rate(int step) {
        if (step < WARM_UP) {
            return peak * (step + 1) / WARM_UP;
        }
        double done = (step - WARM_UP + 1.0) / (steps - WARM_UP + 1.0);
        return peak * (1 + Math.cos(Math.PI * done)) / 2;
    }
}
