package org.wanda4j.calibrate;

/// What calibration sums up of a stage's input over one window.
///
/// @param tokens that reached the stage; all of the window's but for an expert, which may see none
/// @param squares `sum_t x_tj^2` of each input channel j, over these tokens
public record WindowSum(long tokens, float[] squares) {}
