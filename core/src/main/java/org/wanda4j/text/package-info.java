/// Text in, token windows out: what a model is calibrated and evaluated on; and what it is asked and answers.
///
/// A [org.wanda4j.text.Corpus] holds documents, a [org.wanda4j.text.Tokenizer] turns them into ids,
/// a [org.wanda4j.text.CalibrationSampler] picks [org.wanda4j.text.Windows] from them. A
/// [org.wanda4j.text.ChatTemplate] writes a conversation as a model wants it, and a [org.wanda4j.text.Detokenizer] gives the
/// text of an answer while it comes.
package org.wanda4j.text;
