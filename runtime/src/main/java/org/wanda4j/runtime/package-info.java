/// Generates text from dense and packed checkpoints in plain Java: [LanguageModel] and what it returns.
///
/// A `Scheduler` batches the generations; the decoder and its kernels are in `internal`, and not for an embedding program.
package org.wanda4j.runtime;
