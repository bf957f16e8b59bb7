/// Constrained generation: which tokens may come next, so that the text of a generation belongs to a [Grammar].
///
/// A `Grammar` is a network over bytes, [JsonGrammar] makes one of a JSON schema. An `Automaton` runs it, one `State` after each byte;
/// [TokenTrie] holds the bytes of all tokens, so that those which may follow a state are found together. A [Constraint] is one generation's
/// place in that.
package org.wanda4j.grammar;
