/// The model families: from a `config.json` to the decoder that it describes ([org.wanda4j.model.families.Families]), each
/// family a short file that reads like the figure of its paper. What most of them share is in
/// [org.wanda4j.model.families.DecoderParts].
package org.wanda4j.model.families;
