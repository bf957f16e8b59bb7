package org.wanda4j.serve;

import java.util.OptionalInt;
import org.wanda4j.runtime.Sampling;

/// What a caller wants.
///
/// @param reply how the answer is worded
/// @param prompt tokens
/// @param alternatives how many of the likeliest tokens are told with each; empty where tokens are not told
/// @param inParts whether the answer is sent as it is written
/// @param usageInParts whether its last part tells the number of tokens
record Ask(
        Reply reply,
        int[] prompt,
        Sampling sampling,
        OptionalInt alternatives,
        boolean inParts,
        boolean usageInParts) {}
