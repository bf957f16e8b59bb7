/// Jinja as chat templates use it, with the settings of transformers and within bounds: a template comes from outside, so its
/// output and its work are limited, and it has access to the values that it is given alone.
///
/// A template renders the same text as in transformers, or fails where it uses what is not implemented: filters for web pages, integers
/// beyond 64 bits, random functions, and values that differ between runs.
///
/// The reason for this package: jinjava, the JVM's implementation, lacks Python's methods of texts and its slices with a step, which the
/// templates of Qwen 3 and others use, writes JSON with other spaces, and brings a second Jackson and Guava along.
///
/// [org.wanda4j.text.jinja.Template] is the entry. A [org.wanda4j.text.jinja.Lexer] cuts the source into tokens,
/// [org.wanda4j.text.jinja.Parser] and [org.wanda4j.text.jinja.ExpressionParser] make statements and expressions of them, which
/// run in a [org.wanda4j.text.jinja.Scope]. [org.wanda4j.text.jinja.Operators] and [org.wanda4j.text.jinja.Lookup] are what
/// expressions do with values; filters, tests and methods are tables of [org.wanda4j.text.jinja.NamedOperations].
///
/// Values are Java's: `null` for none, [Boolean], [Long], [Double], [String], [java.util.List], [java.util.Map],
/// [org.wanda4j.text.jinja.Function]; and what Python tells apart: [org.wanda4j.text.jinja.Undefined],
/// [org.wanda4j.text.jinja.Tuple], [org.wanda4j.text.jinja.Range], [org.wanda4j.text.jinja.View],
/// [org.wanda4j.text.jinja.Generator], [org.wanda4j.text.jinja.Markup].
package org.wanda4j.text.jinja;
