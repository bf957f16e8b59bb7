package org.wanda4j.cli;

import java.util.List;
import picocli.CommandLine.Option;

/// Zero-shot tasks that are evaluated.
final class TaskOptions {

    @Option(
            names = "--task",
            paramLabel = "TASK:FILE",
            description =
                    "zero-shot multiple choice, from JSON lines or Parquet: hellaswag, arc-easy, arc-challenge, winogrande, boolq, rte or openbookqa; repeatable")
    private List<String> tasks = List.of();

    @Option(
            names = "--items",
            paramLabel = "N",
            description = "how many items from the front of each task (default: all)")
    private Integer items;

    /// As TASK:FILE.
    List<String> tasks() {
        return tasks;
    }

    /// Most items of each task, or null for all.
    Integer items() {
        return items;
    }
}
