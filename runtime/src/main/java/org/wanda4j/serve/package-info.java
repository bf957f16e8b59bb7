/// A language model behind HTTP, with OpenAI's interface for programs and a page for people.
///
/// [Server] listens. `Api` routes an `Exchange`; `CompletionRequestReader` checks its JSON and makes a `CompletionRequest`;
/// `CompletionHandler` runs that and sends the JSON of a `ResponseWriter`, whole or streamed.
package org.wanda4j.serve;
