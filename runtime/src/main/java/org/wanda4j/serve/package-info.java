/// A language model as an HTTP service, with the interface of OpenAI's: for programs, and a page for people.
///
/// `Server` listens, `Api` answers. A call is read by `CallReader` into an `Ask`, which the model goes on with; `Reply`
/// words the answer, whole or in parts.
package org.wanda4j.serve;
