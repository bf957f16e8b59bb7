package org.wanda4j.recover;

import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.torch.ComputeType;

/// The dense model that a pruned one is trained towards.
///
/// @param type that it is computed in
record Teacher(Checkpoint checkpoint, Architecture architecture, ComputeType type) {}
