package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.DeviceStates;
import org.wanda4j.torch.TorchBlock;

/// The hidden states of all windows, and what each of them hands from one stage to the next; in the compute type.
///
/// On a device, in memory, or in a mapped file that is deleted with the store where it would be too large. The windows are cut into
/// batches of about [#TOKENS_PER_BATCH] tokens, whatever the number of threads, so that results do not depend on it.
public final class ActivationStore implements HiddenStates, AutoCloseable {

    /// Tokens of a batch, about, but where a layout says otherwise.
    public static final int TOKENS_PER_BATCH = 1024;

    /// Tokens of a batch on a device, about: products of so many fill a card.
    public static final int TOKENS_PER_DEVICE_BATCH = 8192;

    private static final int ALIGNMENT = 64;

    private final Layout layout;
    private final ScratchSpace scratch;
    private final Arena arena;

    /// Of a device, room on the host, which is made when it is needed.
    private Optional<MemorySegment> hidden;

    private final MemorySegment between;
    private final int windowsPerBatch;
    private final Device device;
    private final Optional<DeviceStates> onDevice;

    /// What a store must hold.
    ///
    /// @param windows how many
    /// @param length tokens of each
    /// @param hidden size of a hidden state
    /// @param stageWidth the widest that a token hands from one stage to the next
    /// @param keepsStages whether that stays in the store between two passes over the windows
    /// @param tokensPerBatch about how many tokens a batch has
    public record Layout(
            int windows,
            int length,
            int hidden,
            int stageWidth,
            boolean keepsStages,
            ComputeType type,
            int tokensPerBatch) {

        /// With batches of [#TOKENS_PER_BATCH].
        public Layout(
                int windows,
                int length,
                int hidden,
                int stageWidth,
                boolean keepsStages,
                ComputeType type) {
            this(windows, length, hidden, stageWidth, keepsStages, type, TOKENS_PER_BATCH);
        }

        /// Of windows through a model, with batches of [#TOKENS_PER_BATCH].
        public static Layout of(
                Architecture architecture, Windows windows, boolean keepsStages, ComputeType type) {
            return new Layout(
                    windows.count(),
                    windows.seqlen(),
                    architecture.hidden(),
                    TorchBlock.stageWidth(architecture),
                    keepsStages,
                    type);
        }

        /// Bytes of the hidden states.
        public long hiddenBytes() {
            return (long) windows * length * hidden * type.bytes();
        }

        /// Bytes of what the windows hand from one stage to the next, where that is kept.
        public long betweenBytes() {
            return keepsStages ? (long) windows * length * stageWidth * type.bytes() : 0;
        }

        /// The same without what lies between two stages.
        public Layout statesAlone() {
            return new Layout(windows, length, hidden, stageWidth, false, type, tokensPerBatch);
        }

        private Layout withTokensPerBatch(int tokens) {
            return new Layout(windows, length, hidden, stageWidth, keepsStages, type, tokens);
        }

        /// How many windows a batch has, at most.
        public int windowsPerBatch() {
            return Math.max(1, tokensPerBatch / length);
        }

        /// Size of the store.
        public long bytes() {
            return hiddenBytes() + betweenBytes();
        }
    }

    /// Makes a store.
    ///
    /// @throws InvalidInputException when the file of a large one cannot be had
    public ActivationStore(Layout layout, ScratchSpace scratch) {
        this(layout, scratch, Device.HOST);
    }

    /// Makes a store on the host or on a device.
    ///
    /// @throws InvalidInputException when the file of a large one cannot be had
    public ActivationStore(Layout layout, ScratchSpace scratch, Device device) {
        this.device = device;
        this.layout = layout;
        this.scratch = scratch;
        this.windowsPerBatch = layout.windowsPerBatch();
        this.arena = scratch.arena(device.isHost() ? layout.bytes() : layout.hiddenBytes());
        try {
            if (device.isHost()) {
                MemorySegment all = arena.allocate(layout.bytes(), ALIGNMENT);
                this.hidden = Optional.of(all.asSlice(0, layout.hiddenBytes()));
                this.between = all.asSlice(layout.hiddenBytes());
                this.onDevice = Optional.empty();
            } else {
                this.hidden = Optional.empty();
                this.between = MemorySegment.NULL;
                this.onDevice =
                        Optional.of(
                                new DeviceStates(
                                        device,
                                        (long) layout.windows() * layout.length(),
                                        layout.hidden(),
                                        layout.stageWidth(),
                                        layout.keepsStages(),
                                        layout.type()));
            }
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /// Makes a store for windows through a model.
    ///
    /// @param keepsStages whether what lies between two stages outlasts a pass over the windows
    /// @throws InvalidInputException when the file of a large one cannot be had
    public static ActivationStore of(
            Architecture architecture,
            Windows windows,
            boolean keepsStages,
            ComputeType type,
            ScratchSpace scratch,
            Device device) {
        var layout = Layout.of(architecture, windows, keepsStages, type);
        return new ActivationStore(
                device.isHost() ? layout : layout.withTokensPerBatch(TOKENS_PER_DEVICE_BATCH),
                scratch,
                device);
    }

    /// A store of its own with the hidden states as they are now, without what lies between two stages.
    public ActivationStore copy() {
        var copy = new ActivationStore(layout.statesAlone(), scratch, device);
        copy.copyStates(this);
        return copy;
    }

    /// Takes over the hidden states of another store of the same windows.
    public void copyStates(ActivationStore other) {
        onDevice.ifPresentOrElse(
                it -> it.copyStates(other.onDevice.orElseThrow()),
                () -> room().copyFrom(other.room()));
    }

    /// The hidden states of all windows, one after the other; those of a device as they are now.
    public MemorySegment states() {
        onDevice.ifPresent(it -> it.download(room()));
        return room();
    }

    /// Memory of the host for the hidden states of all windows, one after the other: where they lie there, themselves.
    public MemorySegment room() {
        if (hidden.isEmpty()) {
            hidden = Optional.of(arena.allocate(layout.hiddenBytes(), ALIGNMENT));
        }
        return hidden.get();
    }

    /// What each window hands from one stage to the next, one after the other; empty where that is not kept.
    public MemorySegment between() {
        return between;
    }

    /// Takes over what was written to [#room()].
    public void restore() {
        onDevice.ifPresent(it -> it.upload(room()));
    }

    /// What it holds.
    public Layout layout() {
        return layout;
    }

    /// Whether it lies in a file.
    public boolean mapped() {
        return !scratch.holds(layout.bytes());
    }

    @Override
    public int batches() {
        return Math.ceilDiv(layout.windows(), windowsPerBatch);
    }

    /// The first window of batch `index`.
    public int firstWindow(int index) {
        return index * windowsPerBatch;
    }

    /// How many windows batch `index` has.
    public int windowsOf(int index) {
        return Math.min(windowsPerBatch, layout.windows() - firstWindow(index));
    }

    @Override
    public long tokensOf(int index) {
        return (long) windowsOf(index) * layout.length();
    }

    @Override
    public Batch batch(int index) {
        return windows(firstWindow(index), windowsOf(index));
    }

    /// Some windows. To be made inside a task of [org.wanda4j.torch.Engine#forEach].
    public Batch windows(int first, int count) {
        if (onDevice.isPresent()) {
            return onDevice.get().batch((long) first * layout.length(), count, layout.length());
        }
        MemorySegment states = slice(room(), first, count, layout.hidden());
        return layout.keepsStages()
                ? Batch.over(
                        count,
                        layout.length(),
                        states,
                        slice(between, first, count, layout.stageWidth()),
                        layout.type())
                : Batch.over(count, layout.length(), states, layout.stageWidth(), layout.type());
    }

    private MemorySegment slice(MemorySegment all, int first, int count, int width) {
        long perWindow = (long) layout.length() * width * layout.type().bytes();
        return all.asSlice(first * perWindow, count * perWindow);
    }

    @Override
    public void close() {
        onDevice.ifPresent(DeviceStates::close);
        arena.close();
    }
}
