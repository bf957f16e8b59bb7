/// Text in, token windows out: what a model is calibrated and evaluated on.
///
/// A [org.wanda4j.text.Corpus] holds documents, a [org.wanda4j.text.Tokenizer] turns them into ids,
/// a [org.wanda4j.text.CalibrationSampler] picks [org.wanda4j.text.Windows] from them.
package org.wanda4j.text;
