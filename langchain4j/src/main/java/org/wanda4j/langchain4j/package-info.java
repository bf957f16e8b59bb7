/// Models of wanda4j for programs that use LangChain4j, within the same process.
///
/// [WandaChatModel] and [WandaStreamingChatModel] answer conversations, [WandaTokenCountEstimator] counts their tokens. All take a
/// [org.wanda4j.runtime.LanguageModel], which stays the caller's to close, and the model's chat template.
package org.wanda4j.langchain4j;
