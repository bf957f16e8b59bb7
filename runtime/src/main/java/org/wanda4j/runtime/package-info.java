/// The sparse decoder: generates text from dense and packed checkpoints in plain Java.
///
/// A `Decoder` interprets an
/// [org.wanda4j.model.Architecture], a token or a block of tokens at a time; `RowKernels` is where
/// the time goes.
package org.wanda4j.runtime;
