/// Kernels in machine code for x86-64 that Java itself assembles and calls, with instructions that the Vector API does not offer
/// (AVX-512 VNNI and BF16). [MachineKernels] is its only entry.
package org.wanda4j.runtime.internal.x86;
