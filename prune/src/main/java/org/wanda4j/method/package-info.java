/// The methods: what a weight is worth (importance), which weights go (selection), what becomes of the rest (update).
///
/// Open [Method#prune] first, then a method's own files.
package org.wanda4j.method;
