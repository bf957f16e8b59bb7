package org.wanda4j.plan;

import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.torch.CardBenchmark;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;

/// How fast a card is.
///
/// @param name of the card, or of the device
/// @param type that is computed in
/// @param measured whether it was measured here; else its data sheet says so, which is more than any run reaches
/// @param products operations a second of products in that type
/// @param products64 the same in fp64
/// @param bandwidth bytes a second of its memory
/// @param link bytes a second from pinned memory of the host, and to it
public record CardRates(
        String name,
        ComputeType type,
        boolean measured,
        double products,
        double products64,
        double bandwidth,
        double link) {

    /// By NVIDIA's data sheets: without sparsity; of PCIe, one direction.
    ///
    /// @param name `a100` ([80 GB, SXM](https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/pdf/nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf))
    ///     or `h100` ([SXM](https://www.nvidia.com/en-us/data-center/h100/))
    /// @throws InvalidInputException when there is no other
    public static CardRates named(String name, ComputeType type) {
        boolean half = type == ComputeType.BF16;
        return switch (name) {
            case "a100" ->
                    new CardRates(
                            name, type, false, half ? 312e12 : 19.5e12, 19.5e12, 2.039e12, 32e9);
            case "h100" ->
                    new CardRates(name, type, false, half ? 989e12 : 67e12, 67e12, 3.35e12, 64e9);
            default ->
                    throw new InvalidInputException(
                            "--card %s: a100 and h100 are known; --device cuda measures the card that is here"
                                    .formatted(name));
        };
    }

    /// Measures a device, which takes a second or two.
    public static CardRates of(Device device, ComputeType type) {
        try (var benchmark = new CardBenchmark(device)) {
            return new CardRates(
                    device.toString(),
                    type,
                    true,
                    benchmark.products(type),
                    benchmark.products64(),
                    benchmark.bandwidth(),
                    benchmark.link());
        }
    }
}
