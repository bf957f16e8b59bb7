/// The part of Jinja that chat templates use, with the settings of transformers and within bounds: a template comes from
/// outside, so its output and its work are limited, and it reaches nothing but the values that it is given.
///
/// It is here because the Jinja of the JVM, jinjava, lacks Python's methods of texts and its slices with a step, which the
/// templates of Qwen 3 and others use, writes JSON with other spaces, and brings a second Jackson and Guava along.
///
/// [org.wanda4j.text.jinja.Template] is the entry. A [org.wanda4j.text.jinja.Lexer] cuts the source into tokens,
/// [org.wanda4j.text.jinja.Parser] and [org.wanda4j.text.jinja.ExpressionParser] make statements and expressions of them, which
/// run in a [org.wanda4j.text.jinja.Scope].
///
/// Values are Java's: `null` for none, [Boolean], [Long], [Double], [String], [java.util.List], [java.util.Map],
/// [org.wanda4j.text.jinja.Function], and [org.wanda4j.text.jinja.Undefined].
package org.wanda4j.text.jinja;
