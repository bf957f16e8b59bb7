package org.wanda4j;

import com.sun.jdi.Bootstrap;
import com.sun.jdi.Method;
import com.sun.jdi.ReferenceType;
import com.sun.jdi.ThreadReference;
import com.sun.jdi.VMDisconnectedException;
import com.sun.jdi.VirtualMachine;
import com.sun.jdi.connect.AttachingConnector;
import com.sun.jdi.connect.Connector;
import com.sun.jdi.connect.IllegalConnectorArgumentsException;
import com.sun.jdi.event.BreakpointEvent;
import com.sun.jdi.event.ClassPrepareEvent;
import com.sun.jdi.event.Event;
import com.sun.jdi.event.EventSet;
import com.sun.jdi.event.VMDeathEvent;
import com.sun.jdi.event.VMDisconnectEvent;
import com.sun.jdi.request.BreakpointRequest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/// A Java process that a debugger holds where it comes to call a method, however fast or slow it is.
///
/// All of its threads stand still until [#letGo]. What it writes to its standard output is dropped.
public final class HeldProcess implements AutoCloseable {

    /// What its command must have among the options of the JVM.
    public static final String OPTION =
            "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=127.0.0.1:0";

    private static final String LISTENING = "Listening for transport dt_socket at address: ";

    private final Process process;
    private final VirtualMachine machine;

    /// Where a process is held: when it comes to call a method for the n-th time.
    public record Point(String type, String method, int call) {}

    private HeldProcess(Process process, VirtualMachine machine) {
        this.process = process;
        this.machine = machine;
    }

    /// Starts `command` and returns when it is held.
    public static HeldProcess start(ProcessBuilder command, Point point)
            throws InterruptedException {
        try {
            Process process = command.start();
            try {
                BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
                String line = out.readLine();
                if (line == null || !line.startsWith(LISTENING)) {
                    throw new AssertionError("no debugger can attach: " + line);
                }
                drain(out);
                VirtualMachine machine = attach(line.substring(LISTENING.length()).strip());
                runTo(point, machine);
                return new HeldProcess(process, machine);
            } catch (InterruptedException | RuntimeException | Error e) {
                process.destroyForcibly().waitFor();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static VirtualMachine attach(String port) throws IOException {
        AttachingConnector connector =
                Bootstrap.virtualMachineManager().attachingConnectors().stream()
                        .filter(each -> each.name().equals("com.sun.jdi.SocketAttach"))
                        .findFirst()
                        .orElseThrow();
        Map<String, Connector.Argument> settings = connector.defaultArguments();
        settings.get("hostname").setValue("127.0.0.1");
        settings.get("port").setValue(port);
        try {
            return connector.attach(settings);
        } catch (IllegalConnectorArgumentsException e) {
            throw new AssertionError(e);
        }
    }

    private static void runTo(Point point, VirtualMachine machine) throws InterruptedException {
        var prepare = machine.eventRequestManager().createClassPrepareRequest();
        prepare.addClassFilter(point.type());
        prepare.enable();
        machine.classesByName(point.type()).forEach(type -> stopIn(type, point));
        while (true) {
            EventSet events = machine.eventQueue().remove();
            for (Event event : events) {
                switch (event) {
                    case ClassPrepareEvent prepared -> stopIn(prepared.referenceType(), point);
                    case BreakpointEvent _ -> {
                        return;
                    }
                    case VMDeathEvent _ -> throw new AssertionError("never came to " + point);
                    case VMDisconnectEvent _ -> throw new AssertionError("never came to " + point);
                    default -> {}
                }
            }
            events.resume();
        }
    }

    private static void stopIn(ReferenceType type, Point point) {
        List<Method> methods = type.methodsByName(point.method());
        if (methods.isEmpty()) {
            throw new AssertionError("there is no " + point);
        }
        for (Method method : methods) {
            BreakpointRequest stop =
                    type.virtualMachine()
                            .eventRequestManager()
                            .createBreakpointRequest(method.location());
            stop.addCountFilter(point.call());
            stop.enable();
        }
    }

    private static void drain(BufferedReader out) {
        Thread.ofVirtual()
                .start(() -> {
                    try (out) {
                        out.transferTo(Writer.nullWriter());
                    } catch (IOException e) {
                        // The process was killed.
                    }
                });
    }

    /// The process, which signals reach while it is held: they take effect when it is let go.
    public Process process() {
        return process;
    }

    /// Interrupts the thread of that name, which finds itself so when it is let go.
    public void interrupt(String thread) {
        List<ThreadReference> named =
                machine.allThreads().stream().filter(it -> it.name().equals(thread)).toList();
        if (named.size() != 1) {
            throw new AssertionError(named.size() + " threads are named " + thread);
        }
        named.getFirst().interrupt();
    }

    /// Has it go on by itself.
    public void letGo() {
        try {
            machine.dispose();
        } catch (VMDisconnectedException e) {
            // It was killed.
        }
    }

    /// Kills it.
    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
