package org.wanda4j.tools;

/// A call of a function that the model has written.
///
/// @param arguments JSON of an object
public record ToolCall(String name, String arguments) {}
