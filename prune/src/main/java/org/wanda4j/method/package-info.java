/// The methods: a score for each weight (importance), which weights are removed (selection), new values of the others (update).
///
/// Open [Method#prune] first, then a method's own files.
package org.wanda4j.method;
