package org.wanda4j.torch;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.DeviceGuardImplInterface;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.torch.Libtorch.Card;
import org.wanda4j.torch.Libtorch.Cuda;

/// Where a run computes: on the host's threads over mapped memory, a window or so each; or on a device, in memory of its own, many
/// windows at once.
public final class Device {

    /// The processor, over memory that Java maps.
    public static final Device HOST = new Device("cpu", DeviceType.CPU, 0);

    /// The processor, by the operations that a card would be given, in memory of libtorch's: what tests compare with [#HOST].
    public static final Device EMULATED = new Device("emulated", DeviceType.CPU, 0);

    /// Computes shapes and no values, and refuses to read one: what tests find values by that are read back, or lie on the host.
    static final Device SHAPES = new Device("shapes", DeviceType.Meta, 0);

    private static final Pattern CUDA = Pattern.compile("cuda(?::(\\d{1,2}))?");

    private final String name;
    private final DeviceType type;
    private final int index;
    private Optional<Stream> besides = Optional.empty();

    private Device(String name, DeviceType type, int index) {
        this.name = name;
        this.type = type;
        this.index = index;
    }

    /// The device that `text` names: `cpu`, `cuda`, `cuda:N`, `auto` for the first card where there is one and the processor
    /// elsewhere, or `emulated`.
    ///
    /// @throws InvalidInputException when there is none of that name
    public static Device named(String text) {
        Matcher cuda = CUDA.matcher(text);
        if (cuda.matches()) {
            int index = Optional.ofNullable(cuda.group(1)).map(Integer::parseInt).orElse(0);
            requireCard(text, index);
            return new Device("cuda:" + index, DeviceType.CUDA, index);
        }
        return switch (text) {
            case "cpu" -> HOST;
            case "emulated" -> EMULATED;
            case "auto" -> count(Libtorch.load()) > 0 ? named("cuda") : HOST;
            default ->
                    throw new InvalidInputException(
                            "there is no device '%s'; there are cpu, cuda, cuda:N and auto"
                                    .formatted(text));
        };
    }

    private static void requireCard(String text, int index) {
        Libtorch libtorch = Libtorch.load();
        switch (libtorch.cuda()) {
            case Cuda.None _ ->
                    throw new InvalidInputException(
                            "--device %s: libtorch %s has no CUDA; %s"
                                    .formatted(text, libtorch.describe(), Libtorch.INSTALLATION));
            case Cuda.Broken(String reason) ->
                    throw new InvalidInputException(
                            "--device %s: libtorch %s: %s; install PyTorch with all that it depends on: %s"
                                    .formatted(
                                            text,
                                            libtorch.describe(),
                                            reason,
                                            Libtorch.INSTALLATION));
            case Cuda.Loaded _ -> {
                int count = count(libtorch);
                if (index >= count) {
                    throw new InvalidInputException(
                            "--device %s: libtorch finds %s; see wanda doctor"
                                    .formatted(
                                            text,
                                            count == 0
                                                    ? "no card that it can use"
                                                    : "cards 0 to %d alone".formatted(count - 1)));
                }
            }
        }
    }

    private static int count(Libtorch libtorch) {
        return libtorch.cuda() instanceof Cuda.Loaded ? torch.cuda_device_count() : 0;
    }

    /// Whether tensors lie in memory that Java maps, and its threads compute.
    public boolean isHost() {
        return equals(HOST);
    }

    /// Whether it is a card.
    public boolean isCard() {
        return type == DeviceType.CUDA;
    }

    /// Bytes of the card; empty where it is none, or the driver does not say.
    public Optional<Long> memory() {
        List<Card> cards = isCard() ? CudaDriver.cards() : List.of();
        return index < cards.size() ? Optional.of(cards.get(index).bytes()) : Optional.empty();
    }

    /// Waits for all that was given to it.
    public void synchronise() {
        if (isCard()) {
            torch.cuda_synchronize(index);
        }
    }

    /// Does a thread's work in a second queue of the device, which copies for it while it computes by the first; tensors that others are
    /// to use are given to [#share]. What was made is complete when this returns.
    public <T> T besides(Supplier<T> work) {
        if (isHost()) {
            return work.get();
        }
        // Of this interface, versions of libtorch that differ have what comes before events in the
        // same places.
        DeviceGuardImplInterface queues = torch.getDeviceGuardImpl(type);
        Stream second = secondQueue(queues);
        try (Stream first = queues.exchangeStream(second)) {
            try {
                T made = work.get();
                second.synchronize();
                return made;
            } finally {
                queues.exchangeStream(first).close();
            }
        }
    }

    /// One for all work: libtorch keeps the memory that a queue has used for that queue.
    private synchronized Stream secondQueue(DeviceGuardImplInterface queues) {
        if (besides.isEmpty()) {
            Stream queue = queues.getNewStream(torchDevice());
            queue.retainReference();
            besides = Optional.of(queue);
        }
        return besides.get();
    }

    /// Says that the queue in which the device computes reads a tensor, in whichever it was made: once freed, its memory is not
    /// used again before that has done so.
    void share(Tensor tensor) {
        if (tensor.is_cuda()) {
            try (var computing = new Stream(Stream.Default.DEFAULT, torchDevice())) {
                tensor.record_stream(computing);
            }
        }
    }

    /// How tensors there are made.
    TensorOptions options(ScalarType scalar) {
        return new TensorOptions(scalar).device(new DeviceOptional(torchDevice()));
    }

    /// A host's tensor where this computes: itself on the host, else a copy.
    Tensor here(Tensor host) {
        return isHost() ? host : copyOf(host);
    }

    /// The values of a host's tensor here, in memory of libtorch's. Those that a card is given go through pinned memory, and the
    /// caller does not wait for them.
    Tensor copyOf(Tensor host) {
        Tensor source = isCard() ? host.contiguous().pin_memory() : host;
        return source.to(
                torchDevice(), source.scalar_type(), isCard(), true, new MemoryFormatOptional());
    }

    /// The same in another type, which it is converted to here.
    Tensor copyOf(Tensor host, ScalarType scalar) {
        return copyOf(host).to(scalar);
    }

    private org.bytedeco.pytorch.Device torchDevice() {
        return new org.bytedeco.pytorch.Device(type, (byte) (isCard() ? index : -1));
    }

    /// As `--device` spells it.
    @Override
    public String toString() {
        return name;
    }
}
