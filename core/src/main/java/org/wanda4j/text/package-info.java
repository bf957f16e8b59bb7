/// Text and tokens: corpora and token windows for calibration and evaluation, chat templates and incremental decoding for generation.
///
/// A [org.wanda4j.text.Corpus] holds documents, a [org.wanda4j.text.Tokenizer] turns them into ids,
/// a [org.wanda4j.text.CalibrationSampler] picks [org.wanda4j.text.Windows] from them. A
/// [org.wanda4j.text.ChatTemplate] formats a conversation, and a [org.wanda4j.text.Detokenizer] decodes
/// generated tokens as they come.
package org.wanda4j.text;
