package org.wanda4j.plan;

/// How fast this machine is at each kind of work, all threads together, as measured by [Rehearsal].
///
/// @param linears operations a second
/// @param attention operations a second, what arranges heads included
/// @param activations values a second
/// @param measured values a second
/// @param gram operations a second; 0 for a method that needs none
/// @param shared operations a second; 0 for a method that has none
/// @param update operations a second; 0 for a method that has none
/// @param tuning operations a second, forward and back; 0 where nothing is trained
/// @param chosen weights a second, scored, chosen from and stored
/// @param loaded weights a second, converted where types differ
/// @param read bytes a second of the model's files, digested; 0 where there are none
/// @param written bytes a second that reach the disk
/// @param tokens a second; 0 where there is no tokenizer
/// @param tokenizerSeconds that opening the tokenizer and the text takes
/// @param startSeconds that the first of everything takes longer than what follows
/// @param programBytes that the program has resident by itself
public record Rates(
        double linears,
        double attention,
        double activations,
        double measured,
        double gram,
        double shared,
        double update,
        double tuning,
        double chosen,
        double loaded,
        double read,
        double written,
        double tokens,
        double tokenizerSeconds,
        double startSeconds,
        long programBytes) {}
